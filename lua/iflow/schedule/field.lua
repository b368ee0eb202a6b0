--- One field of a cron expression: "*/5", "mon-fri", "1,15,L". Internal; expression.lua puts the
-- fields together.
--
--   local parsed, why, column = field.parse(kind, text)
--   parsed.values      set of plain values; parsed.star: the text begins with "*"
--   parsed.special     list of what only a calendar can tell, each a table:
--                      { last = n }      the last day of the month, n days before it (L, L-3)
--                      { near = d }      the weekday nearest to day d (15W); "L" for LW
--                      { weekday = w, nth = n }   the nth of a weekday (fri#2), n = "L": the last
--
-- why says what is wrong; column is where in the text.

local suggest = require "iflow.suggest"

local field = {}

local MONTHS = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
  "dec" }
local WEEKDAYS = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" }

local function numbered(list, first)
  local numbers = {}
  for i, name in ipairs(list) do numbers[name] = i - 1 + first end
  return numbers
end

field.second = { name = "second", least = 0, most = 59 }
field.minute = { name = "minute", least = 0, most = 59 }
field.hour = { name = "hour", least = 0, most = 23 }
field.day = { name = "day of month", least = 1, most = 31 }
field.month = { name = "month", least = 1, most = 12, names = MONTHS,
  numbers = numbered(MONTHS, 1) }
--- Sunday is 0 and 7.
field.weekday = { name = "day of week", least = 0, most = 7, names = WEEKDAYS,
  numbers = numbered(WEEKDAYS, 0) }

local function range_of(kind)
  return kind == field.weekday and "0-7 (0 and 7 are Sunday)"
    or ("%d-%d"):format(kind.least, kind.most)
end

-- A number or a name -> its value, or nil, why.
local function value_of(kind, word)
  if word:find "^%d+$" then
    local value = #word <= 4 and tonumber(word)
    if not value or value < kind.least or value > kind.most then
      return nil, ("%s is not in %s"):format(word, range_of(kind))
    end
    return value
  end
  local value = kind.numbers and kind.numbers[word:lower()]
  if value then return value end
  local text = ("'%s' is no %s"):format(word, kind.name)
  if not kind.names then return nil, text end
  return nil, suggest.message(text, word:lower(), kind.names)
end

-- Cron has no range that goes over the end; tells how to write what was meant.
local function backwards(kind, first, last)
  local function part(from, to) return from == to and tostring(from) or from .. "-" .. to end
  local most = kind.most
  if kind == field.weekday then
    most, first = 6, first % 7
    if first <= last then return nil, "a range goes upwards; write " .. part(first, last) end
  end
  return nil, ("a range goes upwards; write %s,%s"):format(part(first, most),
    part(kind.least, last))
end

local function range(kind, from, to)
  local first, why = value_of(kind, from)
  if not first then return nil, why end
  local last
  last, why = value_of(kind, to)
  if not last then return nil, why end
  if kind == field.weekday and first > last and to:lower() == "sun" then last = 7 end -- fri-sun
  if first > last then return backwards(kind, first, last) end
  return first, last
end

local function add(parsed, kind, first, last, step)
  for value = first, last, step do
    if kind == field.weekday then value = value % 7 end
    parsed.values[value] = true
  end
  return true
end

local function stepped(parsed, kind, base, step_text)
  local first, last = kind.least, kind == field.weekday and 6 or kind.most
  local from, to = base:match "^([^-]+)%-([^-]+)$"
  if from then
    first, last = range(kind, from, to)
    if not first then return nil, last end
  elseif base ~= "*" then
    local value, why = value_of(kind, base)
    if not value then return nil, why end
    return nil, ("a step needs a range; write %s-%d/%s"):format(base, last, step_text)
  end
  local step = #step_text <= 4 and step_text:find "^%d+$" and tonumber(step_text)
  if not step or step == 0 then return nil, ("'%s' is no step"):format(step_text) end
  if first + step > last and step > 1 then
    return nil, ("a step of %d leaves only %d of %d-%d; write %d"):format(step, first, first,
      last, first)
  end
  return add(parsed, kind, first, last, step)
end

local specials = {}

-- L, L-3, 15W, LW
specials[field.day] = function(upper)
  local before = upper:match "^L%-(%d%d?)$"
  if upper == "L" then return { last = 0 } end
  if upper == "LW" then return { near = "L" } end
  if before then
    before = tonumber(before)
    if before < 1 or before > 30 then return nil, "L- takes a number of days in 1-30" end
    return { last = before }
  end
  local day = upper:match "^(%w+)W$"
  if not day then return nil end
  local value, why = value_of(field.day, day)
  return value and { near = value }, why
end

-- fri#2, 5L
specials[field.weekday] = function(upper)
  if upper == "L" then return nil, "L needs its day here: 5L or friL is the last Friday" end
  local day, nth = upper:match "^(%w+)#(%w+)$"
  if not day then
    day, nth = upper:match "^(%w+)L$", "L"
    if not day then return nil end
  elseif not nth:find "^[1-5]$" then
    return nil, "# takes a number in 1-5: fri#2 is the second Friday"
  end
  local value, why = value_of(field.weekday, day)
  return value and { weekday = value % 7, nth = tonumber(nth) or nth }, why
end

local function item(parsed, kind, text)
  if text == "" then return nil, "an entry of the list is empty" end
  if text == "?" then
    return nil, "'?' is of Quartz; write '*' (and mind that here 1 is Monday, 0 and 7 are Sunday)"
  end
  if text == "*" then return stepped(parsed, kind, "*", "1") end
  local base, step = text:match "^([^/]+)/(.*)$"
  if base then return stepped(parsed, kind, base, step) end
  local special, why
  if specials[kind] then special, why = specials[kind](text:upper()) end
  if why then return nil, why end
  if special then
    table.insert(parsed.special, special)
    return true
  end
  local from, to = text:match "^([^-]+)%-([^-]+)$"
  local first, last
  if from then first, last = range(kind, from, to) else first, last = value_of(kind, text) end
  if not first then return nil, last end
  return add(parsed, kind, first, from and last or first, 1)
end

--- The parsed field, or nil, why, column.
function field.parse(kind, text)
  local parsed = { values = {}, special = {}, star = text:sub(1, 1) == "*" }
  for column, entry in (text .. ","):gmatch "()([^,]*)," do
    local ok, why = item(parsed, kind, entry)
    if not ok then return nil, why, column end
  end
  return parsed
end

return field
