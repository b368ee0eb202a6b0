--- The options of a job: checked when it is defined, at the line that defines it. Internal; what
-- they mean stands in lua/iflow/cron.lua and every.lua.

local core = require "iflow.core"
local duration = require "iflow.duration"
local expressions = require "iflow.schedule.expression"
local new_interval = require "iflow.schedule.interval"
local options = require "iflow.options"
local zones = require "iflow.zone"

local definition = {}

local DAY = 86400
local WINDOW_MAX, INTERVAL_MAX, JITTER_MAX = 366 * DAY, 366 * DAY, DAY

local for_cron = {
  at      = { "string", needed = true, text = 'a cron expression, such as "30 2 * * mon-fri"' },
  zone    = { "string", text = 'the name of a time zone, such as "Europe/Berlin"' },
  missed  = options.one_of({ "skip", "one", "all" }, "one"),
  window  = { "number", "string", default = "7d" },
  overlap = options.one_of({ "skip", "queue", "cancel" }, "skip"),
  jitter  = { "number", "string", default = 0 },
  run     = { "function", needed = true, text = "a function of the job" },
}

local for_every = {
  interval = { "number", "string", needed = true, text = 'a time, such as "5m"' },
  overlap  = for_cron.overlap, jitter = for_cron.jitter, run = for_cron.run,
}

local function seconds(given, name, most, level)
  local value = duration.check(given[name], name, level + 1)
  if value > most then
    error(("option '%s' is at most %s"):format(name, duration.text(most)), level + 1)
  end
  return value
end

-- From 0 to `most`, always the same for a name: the jobs of many machines and scripts with the same
-- time do not start in the same second.
local function delay_of(name, most)
  local share = tonumber(core.crypto.sha256(name):sub(1, 12), 16) / 16 ^ 12
  return math.floor(share * (most + 1))
end

local function zone_of(name, level)
  local zone, err
  if name then zone, err = zones.open(name) else zone, err = zones.machine() end
  if not zone then error(("option 'zone': %s"):format(err), level + 1) end
  return zone
end

local function check_table(given, example, level)
  if type(given) == "table" then return end
  error("a job is defined by a table: " .. example, level + 1)
end

--- The checked options of the job of that name, with `schedule` for due.lua; raises `level` above
-- the caller.
function definition.cron(name, given, level)
  check_table(given, 'iflow.cron "name" { at = "30 2 * * *", run = … }', level + 1)
  local checked = options.check(given, for_cron, level + 1)
  local expression, why = expressions.parse(checked.at)
  if not expression then error("option 'at': " .. why, level + 1) end
  checked.schedule = {
    expression = expression, missed = checked.missed,
    zone = zone_of(checked.zone, level + 1),
    window = seconds(checked, "window", WINDOW_MAX, level + 1),
    delay = delay_of(name, seconds(checked, "jitter", JITTER_MAX, level + 1)),
  }
  return checked
end

--- The same for iflow.every; `at` says its interval for people.
function definition.every(name, given, level)
  check_table(given, 'iflow.every "name" { interval = "5m", run = … }', level + 1)
  local checked = options.check(given, for_every, level + 1)
  local interval = seconds(checked, "interval", INTERVAL_MAX, level + 1)
  if interval < 1 or interval % 1 ~= 0 then
    error("option 'interval' is a number of whole seconds, at least 1", level + 1)
  end
  checked.at = "every " .. duration.text(interval)
  interval = math.tointeger(interval)
  checked.schedule = {
    expression = new_interval(interval), missed = "one", window = interval,
    zone = zone_of(nil, level + 1),
    delay = delay_of(name, seconds(checked, "jitter", JITTER_MAX, level + 1)),
  }
  return checked
end

return definition
