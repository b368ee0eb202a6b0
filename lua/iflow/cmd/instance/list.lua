-- list.lua -- iflow instance list: the service instances that the user sees, and their keys.
local core = require "iflow.core"
local platform = require "iflow.cli.platform"

local function names_of(keys)
  local names = {}
  for i, key in ipairs(keys) do names[i] = key.name end
  return names[1] and table.concat(names, ", ") or nil
end

-- "create succeeded", as the cf CLI shows it.
local function state_of(instance)
  local last = instance.last_operation
  return last and ("%s %s"):format(last.type or "?", last.state or "?") or nil
end

local function place_of(instance)
  return instance.organization and ("%s / %s"):format(instance.organization, instance.space or "?")
    or instance.space
end

return {
  name = "list",
  summary = "show service instances and their keys",
  options = platform.with {},
  run = platform.run(function(cf, _, out)
    local list, err = cf:instances { keys = true }
    if not list then return nil, err end
    if out.json_mode then
      out:json(core.json.array(list))
      return 0
    end
    local rows = {}
    for i, one in ipairs(list) do
      rows[i] = { one.name, one.plan, place_of(one), state_of(one), names_of(one.keys) }
    end
    out:table({ "instance", "plan", "space", "state", "keys" }, rows)
    return 0
  end),
}
