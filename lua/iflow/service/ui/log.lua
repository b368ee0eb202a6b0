--- The last lines of the log, the newest first. Internal.

local core = require "iflow.core"
local layout = require "iflow.service.ui.layout"

local SHOWN = 200 -- lines
local LEVELS = { "error", "warn", "info", "debug", "trace" }

local page = layout.template [[
<form class="filter" method="get" action="/log">
<div><label for="level">Level</label><select id="level" name="level">
{% for _, name in ipairs(levels) do %}<option value="{{ name }}"{% if name == level then
  %} selected{% end %}>{% if name == "trace" then %}all{% else %}{{ name }}{% if name ~= "error"
then %} and worse{% end %}{% end %}</option>
{% end %}</select></div>
<div><label for="sender">Sender</label><input id="sender" name="sender" value="{{ sender }}"></div>
<div><label for="text">Text</label><input id="text" name="text" value="{{ text }}"></div>
<button>Show</button></form>
<section id="lines" data-refresh="2" aria-label="Lines">
{% if #lines > 0 then %}<div class="scroll"><table><thead><tr>
<th scope="col">Time</th><th scope="col">Level</th><th scope="col">Part</th>
<th scope="col">Event</th></tr></thead><tbody>
{% for _, line in ipairs(lines) do %}<tr class="log" data-level="{{ line.level }}">
<td class="t">{{ line.time }}</td><td class="{{ line.level }}">{{ line.level }}</td>
<td>{{ line.module }}</td><td
class="wide">{{ line.message }} <span class="faint mono">{{ line.fields }}</span></td></tr>
{% end %}</tbody></table></div>{% else %}<p>No line of these.</p>{% end %}</section>
<p class="faint">{{ kept }} lines are kept here, without secrets; all of them are where the log
of the service goes.</p>
]]

local plain = { time = true, level = true, module = true, message = true }

local function fields_of(line)
  local list = {}
  for name, value in pairs(line) do
    if not plain[name] then list[#list + 1] = ("%s=%s"):format(name, tostring(value)) end
  end
  table.sort(list)
  return table.concat(list, " ")
end

local function rank_of(level)
  for i, name in ipairs(LEVELS) do
    if name == level then return i end
  end
end

local function is_wanted(line, query)
  return (rank_of(line.level) or 1) <= query.rank
    and (query.sender == "" or line.sender == query.sender)
    and (query.text == "" or line.found:lower():find(query.text, 1, true) ~= nil)
end

-- "2026-11-22T21:47:12.345Z" -> the time of day, before today with the date.
local function short_time(text)
  local date, time = text:match "^(%S+)T(%d+:%d+:%d+%.?%d*)"
  if not date then return text end
  return date == layout.time(core.task.now()):sub(1, 10) and time or date .. " " .. time
end

-- The newest lines that are wanted.
local function lines_of(ring, query)
  local kept, found = ring:lines(), {}
  for i = #kept, 1, -1 do
    local line = core.json.decode(kept[i].json)
    if type(line) == "table" then
      line.found = kept[i].json
      if is_wanted(line, query) then
        line.found = nil
        line.fields = fields_of(line)
        line.time = short_time(tostring(line.time))
        found[#found + 1] = line
        if #found == SHOWN then break end
      end
    end
  end
  return found
end

--- GET /log?level=&sender=&text=
return function(ui, req, query)
  local level = rank_of(query.level) and query.level or "trace"
  local wanted = { rank = rank_of(level), sender = query.sender or "",
    text = (query.text or ""):lower() }
  ui:page(req, 200, { name = "log", title = "Log", body = page { lines = lines_of(ui.ring, wanted),
    levels = LEVELS, level = level, sender = query.sender, text = query.text,
    kept = layout.number(ui.LINES) } })
end
