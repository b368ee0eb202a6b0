--- Literals of OData V2 URIs: 'text' with doubled quotes, datetime'…', numbers, true, false, null.
--- Pure.
local literal = {}

-- Days from 1970-01-01 to a day of the Gregorian calendar.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = year // 400
  local of_era = year - era * 400
  local of_year = (153 * (month - 3) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local function number(text) return math.tointeger(tonumber(text)) end

--- "2026-05-04T08:00:00.123" -> seconds since 1970, which is always UTC; nil when it is no such
--- text: a zone, even Z, is not understood (sap-reference 7.1).
function literal.seconds(text)
  local date, hour, minute, rest = text:match "^(%d%d%d%d%-%d%d%-%d%d)T(%d%d):(%d%d)(.*)$"
  if not date then return nil end
  local second = rest == "" and 0 or rest:match "^:(%d%d)$" or rest:match "^:(%d%d%.%d%d?%d?%d*)$"
  local year, month, day = date:match "(%d+)-(%d+)-(%d+)"
  year, month, day = number(year), number(month), number(day)
  hour, minute, second = number(hour), number(minute), tonumber(second)
  if not second or month < 1 or month > 12 or day < 1 or day > 31 or hour > 23 or minute > 59
    or second >= 60 then
    return nil
  end
  return days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
end

local WORDS = { ["true"] = true, ["false"] = false }

-- The text of a quoted literal that starts at the quote, and where it ends.
local function quoted(text, at)
  local from = at
  repeat
    local close = text:find("'", at + 1, true)
    if not close then return nil end
    at = close + (text:sub(close + 1, close + 1) == "'" and 1 or 0)
  until at == close
  return text:sub(from + 1, at - 1):gsub("''", "'"), at + 1
end

local function typed(text, at)
  local kind, quote = text:match("^(%a+)()'", at)
  if not kind then return nil end
  local value, after = quoted(text, quote)
  if not value then return nil, nil, "a quote is never closed" end
  if kind ~= "datetime" then return nil, nil, ("there is no literal %s'…'"):format(kind) end
  local seconds = literal.seconds(value)
  if not seconds then
    return nil, nil, ("datetime'%s' is no date; it is UTC, without a zone"):format(value)
  end
  return { kind = "Edm.DateTime", value = seconds }, after
end

--- The literal at a place: { kind = EDM type | "null", value }, and where it ends. nil when there
--- is none; nil, nil, why when there is a broken one.
function literal.read(text, at)
  if text:sub(at, at) == "'" then
    local value, after = quoted(text, at)
    if not value then return nil, nil, "a quote is never closed" end
    return { kind = "Edm.String", value = value }, after
  end
  local digits, after = text:match("^(%-?%d+%.?%d*)[LlMmFfDd]?()", at)
  if digits then return { kind = "Edm.Int64", value = tonumber(digits) }, after end
  local word, behind = text:match("^(%l+)()%f[^%w_'/(]", at)
  if word == "null" then return { kind = "null" }, behind end
  if WORDS[word] ~= nil then return { kind = "Edm.Boolean", value = WORDS[word] }, behind end
  return typed(text, at)
end

return literal
