--- The grammar of faults on demand:
---   HOST:FAULT[=VALUE][@CONDITION[,CONDITION…]]          token:429=5s@10%,client=orders
--- A fault is one file in fault/: { help, hosts (all when absent), value = { type, name, words,
--- default }, and serve(value, tenant, request, serve) -> answer for requests, where the last
--- argument goes on as if nothing was, or begin(value, tenant, host) and finish(tenant, host) for
--- connections }. Pure: it reads and judges texts.
local duration = require "iflow.duration"
local folder = require "iflow.folder"
local suggest = require "iflow.suggest"

local fault_text = {}

fault_text.HOSTS = { "token", "token_cert", "runtime", "api", "cf" }

--- The faults, sorted. A new file is all a new one needs.
fault_text.NAMES = folder.names "iflow.sandbox.fault"

local kinds = {}
for _, name in ipairs(fault_text.NAMES) do kinds[name] = require("iflow.sandbox.fault." .. name) end
fault_text.kinds = kinds

local function contains(list, word)
  for _, one in ipairs(list) do
    if one == word then return true end
  end
  return false
end

local function unknown(what, word, list)
  local text = ("there is no %s '%s' (but %s)"):format(what, word, table.concat(list, ", "))
  return nil, suggest.message(text, word, list)
end

-- Values ------------------------------------------------------------------------------------------

local types = {}

function types.time(text)
  local seconds, wrong = duration.seconds(tonumber(text) or text)
  if not seconds then return nil, wrong end
  return seconds
end

function types.skew(text)
  local sign, rest = text:match "^([+-]?)(.*)$"
  local seconds, wrong = types.time(rest)
  if not seconds then return nil, wrong end
  return sign == "-" and -seconds or seconds
end

function types.word(text, value)
  if contains(value.words, text) then return text end
  return nil, suggest.message("takes " .. table.concat(value.words, ", "), text, value.words)
end

function types.text(text)
  if text ~= "" and not text:find "%c" then return text end
  return nil, "needs a text"
end

local function read_value(name, given)
  local value = kinds[name].value
  if not value then
    if given then return nil, ("the fault %s takes no value"):format(name) end
    return true
  end
  given = given or value.default
  if not given then return nil end
  local read, wrong = types[value.type](given, value)
  if read == nil then return nil, ("the value '%s' of %s %s"):format(given, name, wrong) end
  return read
end

-- Conditions --------------------------------------------------------------------------------------

local conditions = {}

function conditions.first(text)
  return text:find "^%d+$" and tonumber(text) > 0 and math.tointeger(tonumber(text)) or nil,
    "takes a whole number from 1 on"
end
conditions.every = conditions.first

function conditions.seed(text)
  return text:find "^%d+$" and math.tointeger(tonumber(text)) or nil, "takes a whole number"
end

local function word(text) return text ~= "" and text or nil, "needs a name" end
conditions.client, conditions.flow = word, word

-- Days from 1970 to a date of the Gregorian calendar.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day
    - 719469
end

-- Seconds from 1970 to such a date; nil when there is none.
local function seconds_of(text)
  local y, m, d, h, min, s = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)Z$"
  if not y then return nil end
  local at = days(tonumber(y), tonumber(m), tonumber(d)) * 86400
    + tonumber(h) * 3600 + tonumber(min) * 60 + tonumber(s)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", at) == text and at or nil -- not the 30th of February
end

-- A moment: UTC, or the time from now on.
local function moment(text, now)
  local at = seconds_of(text)
  if at then return at end
  local seconds = types.time(text)
  return seconds and now + seconds, "takes a time from now on, such as 30s, or one in UTC such as "
    .. "2026-01-31T20:00:00Z"
end
conditions["from"], conditions["until"] = moment, moment

local CONDITIONS = { "first", "every", "from", "until", "client", "flow", "seed" }

local function read_condition(fault, text, now)
  local percent = tonumber(text:match "^(%d+%.?%d*)%%$")
  if percent then
    if percent > 100 then return nil, "a chance is at most 100%" end
    if fault.percent then return nil, "there is one chance, not two" end
    fault.percent = percent
    return true
  end
  local name, value = text:match "^([^=]*)=(.*)$"
  if not name then
    return nil, ("'%s' is no condition; write 10%%, or NAME=VALUE with one of %s"):format(text,
      table.concat(CONDITIONS, ", "))
  end
  if not conditions[name] then return unknown("condition", name, CONDITIONS) end
  local read, wrong = conditions[name](value, now)
  if not read then return nil, ("%s=%s: %s %s"):format(name, value, name, wrong) end
  fault[name] = read
  return true
end

-- Some conditions make no sense everywhere, and would silently never hold.
local function check_conditions(fault)
  if fault.flow and fault.host ~= "runtime" then
    return nil, "flow= is for the host runtime: no flow is behind the others"
  elseif fault.until_ and fault.until_ <= (fault.from or -math.huge) then
    return nil, "until= must be later than from="
  end
  for _, name in ipairs { "percent", "first", "every", "client", "flow" } do
    if fault.kind.begin and fault[name] then
      return nil, ("%s is about all connections: only from= and until= can go with it"):format(
        fault.name)
    end
  end
  return true
end

local function read_conditions(fault, text, now)
  for condition in text:gmatch "[^,]+" do
    local ok, wrong = read_condition(fault, condition, now)
    if not ok then return nil, wrong end
  end
  fault.until_, fault["until"] = fault["until"], nil
  return check_conditions(fault)
end

-- A fault -----------------------------------------------------------------------------------------

local function check_host(host, name)
  if not contains(fault_text.HOSTS, host) then return unknown("host", host, fault_text.HOSTS) end
  if not kinds[name] then return unknown("fault", name, fault_text.NAMES) end
  local hosts = kinds[name].hosts
  if hosts and not contains(hosts, host) then
    return nil, ("the fault %s is for %s, not for %s"):format(name, table.concat(hosts, ", "), host)
  end
  return true
end

--- Reads a fault: { text, host, name, kind, value, percent, first, every, from, until_, client,
--- flow, seed }; times in seconds since 1970. nil and what is wrong. now: seconds.
function fault_text.parse(text, now)
  local plain = text:match "^%s*(.-)%s*$"
  local host, rest = plain:match "^([^:]*):(.*)$"
  if not host then
    return nil, ("'%s' names no host: write HOST:FAULT, for example token:429@10%%"):format(text)
  end
  local what, conditioned = rest:match "^([^@]*)@(.+)$"
  local name, given = (what or rest):match "^([^=]*)=(.*)$"
  name = name or what or rest
  local ok, wrong = check_host(host, name)
  if not ok then return nil, wrong end
  local fault = { text = plain, host = host, name = name, kind = kinds[name] }
  fault.value, wrong = read_value(name, given)
  if wrong then return nil, wrong end
  ok, wrong = read_conditions(fault, conditioned or "", now)
  if not ok then return nil, wrong end
  return fault
end

return fault_text
