--- Retry policies: whether a message is tried again, and when.
--
--   retry = iflow.retry { first = "1s", factor = 2, max = "10m", attempts = 12, jitter = "full" }
--   retry = { attempts = 3 }   the same, with less to write
--   retry = "sap"        the default: SAP's own table (below); "none": never
--   retry = function(attempt, err, message) return "30s" end
--
-- Options of iflow.retry, all of them optional:
--   first        wait before the first repetition ("1s")
--   factor       each further wait is this much longer (2)
--   max          no wait is longer ("10m", or `first` when that is longer)
--   attempts     attempts in all, the first one included (12)
--   deadline     no attempt begins later than this after the first one (none)
--   jitter       "full" (default): between 0 and the wait; "equal": between half of it and all;
--                "decorrelated": between first and three times the last wait; "none"
--   on           only these are tried again: statuses (503), classes ("5xx"), "timeout", "connect"
--                (name, connection and TLS), error codes ("token.unavailable"). A status that is a
--                rejection otherwise (404) is tried again when it is listed here. Default: whatever
--                the outcome "retryable" says (sap-reference 8.2).
--   retry_after  true (default): the wait that the answer asks for counts when it is longer, one
--                hour at most; a duration: this at most; false: it is ignored
--
-- A function is asked before each repetition: attempt (how many there were), err, message. It gives
-- a wait, iflow.retry_after(wait), iflow.reject(reason) or iflow.done(); nothing: no repetition.
--
-- What is in doubt is only repeated when the sender says that it is idempotent; that is no matter
-- of the policy. Nor are the repairs of DESIGN section 4 (token, CSRF), which are no attempts.
--
-- Source of "sap": best-practices-when-handling-access-tokens-8d39ef3.md (waits and numbers) and
-- sap-reference 8.2 (what is repeated at all).

local duration = require "iflow.duration"
local errors = require "iflow.error"
local suggest = require "iflow.suggest"
local verdict = require "iflow.verdict"

local policy = { __name = "iflow.retry" }
policy.__index = policy

local module = {}

local option_names = { "first", "factor", "max", "attempts", "deadline", "jitter", "on",
  "retry_after" }
local AFTER_MAX = 3600 -- seconds; what an answer may ask for at most
local PAUSE_MAX = 60   -- seconds between two probes of an endpoint that says nothing about it

-- What an error is ------------------------------------------------------------------------------

local connect_codes = { ["net.dns"] = true, ["net.dns_timeout"] = true, ["net.connect"] = true,
  ["net.connect_timeout"] = true, ["net.proxy"] = true, ["tls.failed"] = true }
local timeout_codes = { ["net.timeout"] = true, ["net.stalled"] = true,
  ["net.connect_timeout"] = true, ["net.dns_timeout"] = true }

local function any_code(err, codes)
  return codes[err.code] or err.cause and codes[err.cause.code] or false
end

--- Whether the call did not get as far as the endpoint.
function module.is_connect(err) return any_code(err, connect_codes) end

--- Whether time ran out.
function module.is_timeout(err) return any_code(err, timeout_codes) end

-- Jitter ----------------------------------------------------------------------------------------

local jitters = {
  none = function(wait) return wait end,
  full = function(wait) return wait * math.random() end,
  equal = function(wait) return wait / 2 + wait / 2 * math.random() end,
  decorrelated = function(_, self, last)
    local from, to = self.first, math.max(self.first, (last or self.first) * 3)
    return math.min(self.max, from + (to - from) * math.random())
  end,
}

-- Conditions ------------------------------------------------------------------------------------

local words = { timeout = module.is_timeout, connect = module.is_connect }

local function condition(item, level)
  if math.type(item) == "integer" and item >= 100 and item <= 599 then
    return function(err) return err.status == item end
  end
  local class = type(item) == "string" and item:match "^([1-5])xx$"
  if class then
    return function(err) return err.status ~= nil and err.status // 100 == tonumber(class) end
  end
  if words[item] then return words[item] end
  if errors.info(item) then
    return function(err) return err.code == item or err.cause and err.cause.code == item end
  end
  local known = errors.codes()
  for word in pairs(words) do known[#known + 1] = word end
  error(suggest.message(("option 'on' has no '%s': statuses (503), classes (\"5xx\"), \"timeout\", "
    .. "\"connect\" and error codes are known"):format(tostring(item)), tostring(item), known),
    level + 1)
end

local function conditions(on, level)
  if on == nil then return nil end
  if type(on) ~= "table" then on = { on } end
  for key in pairs(on) do
    if math.type(key) ~= "integer" then
      error(("option 'on' is a list: { %s }, got the name '%s'"):format(tostring(key),
        tostring(key)), level + 1)
    end
  end
  local list = {}
  for i, item in ipairs(on) do list[i] = condition(item, level + 1) end
  return list
end

local function wanted(self, err)
  if not self.conditions then return err.outcome == "retryable" end
  if err.outcome == "in_doubt" then return false end
  for _, holds in ipairs(self.conditions) do
    if holds(err) then return true end
  end
  return false
end

-- Options ---------------------------------------------------------------------------------------

local function optional_duration(options, name, default, level)
  local value = options[name]
  if value == nil then return default end
  return (duration.check(value, name, level + 1)) -- no tail call: the level counts frames
end

local function check_number(options, name, least, default, level)
  local value = options[name]
  if value == nil then return default end
  if type(value) ~= "number" or value ~= value or value < least then
    error(("option '%s' must be a number from %s on"):format(name, least), level + 1)
  end
  return value
end

local function after_limit(value, level)
  if value == nil or value == true then return AFTER_MAX end
  if value == false then return false end
  return (duration.check(value, "retry_after", level + 1))
end

local function check_jitter(word, level)
  if word == nil then return jitters.full end
  if jitters[word] then return jitters[word] end
  error(suggest.message("option 'jitter' must be \"none\", \"full\", \"equal\" or \"decorrelated\"",
    tostring(word), { "none", "full", "equal", "decorrelated" }), level + 1)
end

local function make(options, level)
  suggest.check_keys(options, option_names, level + 1)
  local attempts = check_number(options, "attempts", 1, 12, level + 1)
  if attempts ~= math.huge and not math.tointeger(attempts) then
    error("option 'attempts' must be a whole number", level + 1)
  end
  local first = optional_duration(options, "first", 1, level + 1)
  return setmetatable({
    first = first, max = optional_duration(options, "max", math.max(600, first), level + 1),
    factor = check_number(options, "factor", 1, 2, level + 1), attempts = attempts,
    deadline = optional_duration(options, "deadline", math.huge, level + 1),
    jitter = check_jitter(options.jitter, level + 1),
    conditions = conditions(options.on, level + 1),
    after_max = after_limit(options.retry_after, level + 1),
  }, policy)
end

local function new(_, options)
  if type(options) ~= "table" then error("iflow.retry takes a table of options", 2) end
  return (make(options, 2)) -- no tail call: the level counts frames
end

-- Deciding --------------------------------------------------------------------------------------

-- The wait that an answer asked for, as far as the policy follows it.
local function asked(self, err)
  local wait = err.retry_after or err.cause and err.cause.retry_after
  return self.after_max and wait and math.min(wait, self.after_max) or 0
end

--- The wait before the next attempt in seconds; nil when there is none; nil, err when the policy
-- rejects the message for a reason of its own.
-- about: { attempt = how many there were, elapsed = seconds since the first one, last_wait =,
-- message = }. err: what the last attempt ended with.
function policy:wait(err, about)
  if not wanted(self, err) or about.attempt >= self.attempts then return nil end
  local wait = math.min(self.max, self.first * self.factor ^ (about.attempt - 1))
  wait = math.max(self.jitter(wait, self, about.last_wait), asked(self, err))
  if about.elapsed + wait > self.deadline then return nil end
  return wait
end

--- How long the endpoint is left alone, by everybody, after its `strikes`-th failure in a row that
-- was no message's fault. Seconds.
function policy:pause(err, strikes)
  return math.max(math.min(PAUSE_MAX, 0.3 * 2 ^ (strikes - 1)), asked(self, err))
end

--- How many attempts there are in all; math.huge when nobody knows.
function policy:limit() return self.attempts end

-- "sap" and "none" ------------------------------------------------------------------------------

local slow = { first = 1, factor = 3 }    -- 500, 503
local quick = { first = 0.3, factor = 2 } -- connection error, 408, 502, 504

local sap = setmetatable({ attempts = 4, after_max = AFTER_MAX }, { __index = policy })

function sap:wait(err, about)
  if err.outcome ~= "retryable" or about.attempt >= self.attempts then return nil end
  local status = err.status or err.cause and err.cause.status
  local row = (status == 500 or status == 503 or status == 429) and slow or quick
  return math.max(row.first * row.factor ^ (about.attempt - 1), asked(self, err))
end

local none = setmetatable({ attempts = 1, after_max = AFTER_MAX }, { __index = policy })

function none.wait() return nil end

-- A function of the script -----------------------------------------------------------------------

local asking = setmetatable({ attempts = math.huge, after_max = AFTER_MAX }, { __index = policy })
asking.__index = asking

function asking:wait(err, about)
  if err.outcome == "in_doubt" then return nil end
  local result = self.ask(about.attempt, err, about.message)
  local word = verdict.of(result)
  if word == "reject" then
    return nil, errors { code = "message.rejected", message = result.reason, cause = err }
  end
  if result == nil or word == "done" then return nil end
  if word == "retry_after" then return result.wait end
  local seconds, wrong = duration.seconds(result)
  if not seconds then
    error("the retry function returns a wait, iflow.reject(…), iflow.done() or nothing; a wait "
      .. wrong, 0)
  end
  return seconds
end

local named = { sap = sap, none = none }

--- The policy for what a script wrote: an iflow.retry or its options, a name, a function, or nil
-- ("sap").
function module.of(value, level)
  if value == nil then return sap end
  if getmetatable(value) == policy then return value end
  if type(value) == "function" then return setmetatable({ ask = value }, asking) end
  if named[value] then return named[value] end
  if type(value) == "table" then return (make(value, (level or 1) + 1)) end
  error(suggest.message("option 'retry' must be iflow.retry {…}, a function, \"sap\" or \"none\"",
    tostring(value), { "sap", "none" }), (level or 1) + 1)
end

return setmetatable(module, { __call = new })
