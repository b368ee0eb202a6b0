--- The messages of the outbox, page by page. Internal.

local core = require "iflow.core"
local form = require "iflow.service.ui.form"
local layout = require "iflow.service.ui.layout"

local PAGE = 50    -- messages
local REFRESH = 3  -- seconds, and at least so many times as long as it took: a search that reads
local SHARE = 50   -- a million messages is not repeated all the time

-- As the tabs show them: in the query, to a reader, of the outbox (nil: all).
local TABS = {
  { "problems", "Needs somebody", { "rejected", "in_doubt" } },
  { "rejected", "Rejected", { "rejected" } },
  { "in_doubt", "In doubt", { "in_doubt" } },
  { "ready", "Ready", { "ready" } },
  { "blocked", "Blocked", { "blocked" } },
  { "started", "Started", { "started" } },
  { "delivered", "Delivered", { "delivered" } },
  { "any", "All" },
}

local page = layout.template [[
{% if notice then %}<div class="note good" role="status"><p>{{ notice }}</p></div>{% end %}
<ul class="tabs" aria-label="State">
{% for _, tab in ipairs(tabs) do %}<li><a href="{{ tab.link }}"{% if tab.current then
  %} aria-current="true"{% end %}>{{ tab.text }}</a></li>
{% end %}</ul>
<form class="filter" method="get" action="/messages"><input type="hidden" name="state"
value="{{ state }}">
<div><label for="sender">Sender</label><input id="sender" name="sender" value="{{ sender }}"></div>
<div><label for="id">Id or number</label><input id="id" name="id" value="{{ id }}"></div>
<button>Show</button></form>
<section id="list" data-refresh="{{ refresh }}" aria-label="Messages">
{% if #rows > 0 then %}<div class="scroll"><table><thead><tr>
<th scope="col" class="n">Number</th>
<th scope="col">State</th><th scope="col">Sender</th><th scope="col">Id</th><th scope="col">Accepted
</th><th scope="col" class="n">Attempts</th><th scope="col" class="n">Size</th>
<th scope="col">Reason
</th></tr></thead><tbody>
{% for _, msg in ipairs(rows) do %}<tr data-message="{{ msg.number }}" data-state="{{ msg.state }}">
<td class="n"><a href="/messages/{{ msg.number }}">{{ msg.number }}</a></td>
<td><span class="state {{ msg.state }}">{{ state_of(msg.state) }}</span></td>
<td>{{ msg.sender }}</td><td class="id">{{ short_of(msg.id, 80) }}</td>
<td class="t">{{ age_of(msg.created) }} ago</td><td class="n" data-label="Attempts">{{ msg.attempts
}}</td>
<td class="n" data-label="Size">{{ size_of(msg.size) }}</td>
<td class="wide">{{ msg.code }} {{ short_of(msg.error, 200) }}</td></tr>
{% end %}</tbody></table></div>{% else %}<p>No message of these.</p>{% end %}
{% if first or next_page then %}<nav class="actions below" aria-label="More">
{% if first then %}<a href="{{ first }}">First page</a>{% end %}
{% if next_page then %}<a rel="next" href="{{ next_page }}">Next page</a>{% end %}</nav>{% end %}
</section>
]]

local NOTICES = { dropped = "The message was dropped." }

local function tab_of(name)
  for _, tab in ipairs(TABS) do
    if tab[1] == name then return tab end
  end
  return TABS[1]
end

local function tabs_of(query, current)
  local list = {}
  for i, tab in ipairs(TABS) do
    list[i] = { text = tab[2], current = tab == current,
      link = "/messages" .. form.query { state = tab[1], sender = query.sender or "" } }
  end
  return list
end

-- The page of the list that was asked for, and one message more when there is another page.
local function list_of(box, query, tab)
  local number = (query.id or ""):find "^%d+$" and math.tointeger(tonumber(query.id))
  if number and number > 0 then
    local found = assert(box:list { after = number - 1, limit = 1 })
    if found[1] and found[1].number == number then return found end
  end
  local after = math.tointeger(tonumber(query.after or "")) or 0
  return assert(box:list { state = tab[3], after = math.max(0, after), limit = PAGE + 1,
    sender = query.sender ~= "" and query.sender or nil,
    id = query.id ~= "" and query.id or nil })
end

-- What the outbox takes for a name.
local function usable(text) return text == nil or #text <= 512 and not text:find "%c" end

--- GET /messages?state=&sender=&id=&after=
return function(ui, req, query)
  local tab = tab_of(query.state)
  local rows, began = {}, core.task.monotonic()
  if usable(query.sender) and usable(query.id) then rows = list_of(ui.service.box, query, tab) end
  local next_page
  if #rows > PAGE then
    rows[#rows] = nil
    next_page = "/messages" .. form.query { state = tab[1], sender = query.sender or "",
      id = query.id or "", after = rows[PAGE].number }
  end
  local refresh = math.max(REFRESH, math.ceil((core.task.monotonic() - began) * SHARE))
  ui:page(req, 200, { name = "messages", title = "Messages", body = page { rows = rows,
    refresh = refresh,
    tabs = tabs_of(query, tab), state = tab[1], sender = query.sender, id = query.id,
    notice = NOTICES[query.done or ""], next_page = next_page,
    first = query.after and "/messages" .. form.query { state = tab[1],
      sender = query.sender or "", id = query.id or "" } } })
end
