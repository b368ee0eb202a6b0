--- role("add", name, description) -> { name, description }; role("remove", name) -> true;
--- role("list") -> list of { name, description, predefined }
local errors = require "iflow.error"
local json = require "iflow.core".json

local actions = {}

function actions.add(roles, name, description) return roles:add(name, description) end
function actions.remove(roles, name) return roles:remove(name) end
function actions.list(roles) return json.array(roles:list()) end

return function(tenant, action, name, description)
  if not actions[action] then
    return nil, errors { code = "usage.invalid", message = "role takes add, remove or list" }
  end
  return actions[action](tenant.roles, name, description)
end
