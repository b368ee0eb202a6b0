--- The frame of the operator's pages, and how they write times, ages and numbers. Internal.

local core = require "iflow.core"
local template = require "iflow.service.ui.template"
local words = require "iflow.cli.outbox_words"

local layout = {}

local PAGES = { { "/", "overview", "Overview" }, { "/messages", "messages", "Messages" },
  { "/schedule", "schedule", "Schedule" }, { "/credentials", "credentials", "Credentials" },
  { "/log", "log", "Log" } }

local frame = template [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }} · iflow</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css?{{ version }}">
<script src="/script.js?{{ version }}" defer></script>
</head>
<body data-page="{{ name }}">
<a class="skip" href="#main">To the content</a>
<header class="top"><div>
<span class="brand">iflow</span>
{% if who then %}<nav aria-label="Pages"><ul>
{% for _, page in ipairs(pages) do %}<li><a href="{{ page[1] }}"{% if page[2] == current then
  %} aria-current="page"{% end %}>{{ page[3] }}</a></li>
{% end %}</ul></nav>
<form method="post" action="/sign-out" data-action="sign-out">
<input type="hidden" name="form_token" value="{{ who.form_token }}">
<button>Sign out</button></form>{% end %}
</div></header>
<main id="main">
<h1>{{ title }}</h1>
<p id="refreshed" role="status" class="warn"></p>
{! body !}
</main>
<footer>iflow {{ version }}, times are UTC</footer>
</body>
</html>
]]

--- A page. options: name (body[data-page]), title, body (HTML), who (nobody: without navigation),
-- current (which entry of the navigation; default: name).
function layout.page(options)
  return frame { name = options.name, title = options.title, body = options.body,
    who = options.who, current = options.current or options.name, pages = PAGES,
    version = core.version }
end

--- "2026-11-22 21:47:12"
function layout.time(at)
  return at and (words.time(at):gsub("T", " "):gsub("Z$", "")) or ""
end

--- "3 h"
function layout.age(at) return at and words.age(core.task.now() - at) or "" end

layout.number, layout.size, layout.state = words.number, words.size, words.state

--- "in 3 h", "2 d ago"
function layout.when(at)
  local left = at - core.task.now()
  return left >= 0 and "in " .. words.age(left) or words.age(-left) .. " ago"
end

--- A long text in short.
function layout.short(text, limit)
  return text and words.line(tostring(text), limit or 160) or ""
end

--- A template whose values have these functions, too.
function layout.template(text)
  local made = template(text)
  return function(values)
    for _, name in ipairs { "time", "age", "number", "size", "state", "when", "short" } do
      values[name .. "_of"] = layout[name]
    end
    return made(values)
  end
end

--- A count in a table: nothing draws the eye to a zero.
function layout.count(n)
  return ('<span class="%s">%s</span>'):format(n == 0 and "zero" or "some", words.number(n))
end

return layout
