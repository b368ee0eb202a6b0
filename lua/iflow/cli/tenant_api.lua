-- tenant_api.lua -- what the commands of `iflow tenant` share: options, the API that they open, and
-- how they say times and texts of the tenant.
local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"
local json = require "iflow.json"
local moments = require "iflow.cli.moment"
local odata = require "iflow.odata"
local tenant_api = require "iflow.tenant_api"
local tenants = require "iflow.cli.tenant"
local words = require "iflow.cli.outbox_words"
local zones = require "iflow.zone"

local module = {}

local of_the_api = {
  ["--service-key"] = "service key of plan api, as downloaded from the BTP cockpit",
  ["--url"] = "what stands before /api/v1 instead of the service key's url; for an Edge "
    .. "Integration Cell https://HOST/location/ID, or https://VIRTUAL-HOST/local on the edge",
}

local retry_option = { "--no-retry", flag = true, env = false,
  help = "do not ask again after what may pass (429, 503, a broken connection)" }

--- The rows of a command: its own first, then those of a tenant.
function module.with(rows)
  rows[#rows + 1] = retry_option
  for i, row in ipairs(tenants.with(rows)) do
    local help = of_the_api[row[1]]
    rows[i] = help and setmetatable({ help = help }, { __index = row }) or row
  end
  return rows
end

local function warn_of_plan(api, out)
  if odata.plan(api.odata.client_id) == "integration-flow" then
    out:warn "this service key is of plan integration-flow: it calls flows, the API takes none"
    out:note("  what to do: create a service instance of plan api with the role "
      .. "MonitoringDataRead, and a key of it")
  end
end

--- The API for the parsed words, or nil, err. The caller closes it.
function module.open(args, out)
  if args.service_key == nil then
    return nil, errors { code = "usage.invalid", message = "no service key was given",
      hint = "name the file of a key of plan api with --service-key or in the variable "
        .. "IFLOW_SERVICE_KEY" }
  end
  local settings = tenants.settings(args, out)
  settings.retry = args.no_retry and "none" or "sap"
  local api, err = tenant_api(settings)
  if api then warn_of_plan(api, out) end
  return api, err
end

-- Times -----------------------------------------------------------------------------------------

--- A time for people: "2026-05-04 10:00:00 CEST", of this machine's zone; nil for none.
function module.time(seconds)
  return seconds and os.date("%Y-%m-%d %H:%M:%S %Z", math.floor(seconds))
end

--- The same for machines: "2026-05-04T08:00:00.123Z".
function module.iso(seconds)
  local ms = math.floor(seconds * 1000 + 0.5)
  return os.date("!%Y-%m-%dT%H:%M:%S", ms // 1000) .. (".%03dZ"):format(ms % 1000)
end

--- How long something took: "12 ms", "3.2 s"; nil for none.
function module.took(seconds)
  return seconds and require("iflow.duration").text(seconds)
end

--- The value of --since and the like: a duration back from now, or a date; in this machine's zone
-- when it names none. Seconds since 1970 | nil, what is wrong.
function module.instant(word)
  local back = core.task.seconds(word)
  if back then return clock.now() - back end
  local zone, err = zones.machine()
  if not zone then return nil, err.message end
  local at = moments.parse(word, zone)
  if at then return at end
  return nil, "is neither a time back from now (30m, 2h, 3d) nor a date (2026-03-29, "
    .. "2026-03-29T02:30, 2026-03-29T01:30Z)"
end

-- Texts -----------------------------------------------------------------------------------------

--- Words of the tenant for one line of a terminal.
function module.text(value, limit) return value and words.line(value, limit) end

local is_time = { started = true, ended = true, deployed_on = true, not_before = true,
  not_after = true }

--- A record as JSON shows it: times in UTC, ISO 8601; lists marked as such.
function module.value(record)
  local copy = {}
  for name, field in pairs(record) do
    if is_time[name] then
      copy[name] = module.iso(field)
    elseif type(field) == "table" then
      copy[name] = module.values(field)
    else
      copy[name] = field
    end
  end
  return copy
end

--- A list of records as JSON shows it.
function module.values(list)
  local values = json.array {}
  for i, record in ipairs(list) do values[i] = module.value(record) end
  return values
end

return module
