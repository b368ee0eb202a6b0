--- The options of a sender that ask the tenant's message log: api, confirm, in_doubt. Checked when
-- the sender is defined; what they mean stands in lua/iflow/sender.lua. Internal.

local duration = require "iflow.duration"
local suggest = require "iflow.suggest"
local tenants = require "iflow.tenant"

local proof_options = {}

local CONFIRM = 600 -- seconds until a flow that was confirmed by nobody counts as in doubt

-- A log appears seconds to about a minute after the call (sap-reference 7.3, reported): `wait` is
-- somewhat longer. A flow may run for ten minutes (5.6), which is `running`.
local DOUBT = { policy = "hold", wait = 90, running = 600, first = 0.5, max = 15 }

local policies = { hold = true, ["repeat"] = true, reject = true }

local function check_api(value, level)
  if value == nil then return nil end
  if type(value) == "string" then return { service_key = value } end
  if type(value) ~= "table" then
    error("option 'api' must be the path of a service key of plan api, or a table of the options "
      .. "of iflow.tenant, got " .. type(value), level + 1)
  end
  suggest.check_keys(value, tenants.option_names, level + 1)
  if value.service_key == nil then
    error("option 'api' needs a service_key, of plan api", level + 1)
  end
  local copy = {}
  for name, field in pairs(value) do copy[name] = field end
  return copy
end

local function check_confirm(value, api, level)
  if value == nil or value == false then return false end
  if value ~= true and type(value) ~= "table" then
    error("option 'confirm' must be true, false or { timeout = \"10m\" }, got " .. type(value),
      level + 1)
  elseif not api then
    error("option 'confirm' needs the option 'api': a service key of plan api, to ask the log with",
      level + 1)
  end
  local timeout
  if value ~= true then
    suggest.check_keys(value, { "timeout" }, level + 1)
    timeout = value.timeout and duration.check(value.timeout, "timeout", level + 1)
  end
  return { timeout = timeout or CONFIRM }
end

local function check_policy(word, level)
  if policies[word] then return word end
  error(suggest.message("option 'in_doubt' must be \"hold\", \"repeat\" or \"reject\", or a table "
    .. "{ policy =, wait =, … }", tostring(word), { "hold", "repeat", "reject" }), level + 1)
end

local function check_in_doubt(value, level)
  if value == nil then value = DOUBT.policy end
  if type(value) ~= "table" then value = { policy = check_policy(value, level + 1) } end
  suggest.check_keys(value, { "policy", "wait", "running", "first", "max" }, level + 1)
  local checked = { policy = check_policy(value.policy or DOUBT.policy, level + 1) }
  for _, name in ipairs { "wait", "running", "first", "max" } do
    local given = value[name]
    checked[name] = given and duration.check(given, name, level + 1) or DOUBT[name]
  end
  checked.first = math.max(checked.first, 0.01) -- never without any pause
  checked.max = math.max(checked.max, checked.first)
  return checked
end

--- The three options with their defaults, as fields of `into`; raises `level` above the caller.
function proof_options.check(options, into, level)
  into.api = check_api(options.api, level + 1)
  into.confirm = check_confirm(options.confirm, into.api, level + 1)
  into.in_doubt = check_in_doubt(options.in_doubt, level + 1)
end

return proof_options
