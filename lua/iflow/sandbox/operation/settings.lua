--- settings([{ name = value, … }]) -> list of { name, value, default, source, unknown, restart,
--- choices, help }. Changes the named ones first, all or none; they stay after a restart.
local json = require "iflow.core".json
local settings = require "iflow.sandbox.settings"

local function check(given)
  local changes = {}
  for name, value in pairs(given) do
    local change, err = settings.change(name, value)
    if not change then return nil, err end
    changes[name] = change
  end
  return changes
end

local function keep(tenant, changes)
  local old = tenant.state.data.settings
  local new = {}
  for name, value in pairs(old) do new[name] = value end
  for name, change in pairs(changes) do
    new[name] = change.value
    if change.value == change.default then new[name] = nil end
  end
  return tenant.state:change(function(data) data.settings = new end,
                             function(data) data.settings = old end)
end

return function(tenant, given)
  local changes, err = check(given or {})
  if not changes then return nil, err end
  local ok = true
  if next(changes) then ok, err = keep(tenant, changes) end
  if not ok then return nil, err end
  for name, change in pairs(changes) do
    if not change.restart then tenant.settings[name] = change.value end
  end
  tenant.hosts:apply_settings()
  return json.array(settings.list(tenant.settings))
end
