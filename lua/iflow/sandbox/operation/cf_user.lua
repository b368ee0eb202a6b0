--- cf_user("add", name, { password, role, second_factor }) -> { name, role, second_factor }: a user
--- of the Cloud Foundry API, "developer" (Space Developer, the default), "auditor" or "none" in the
--- space; one with a second factor logs on with password:second_factor. cf_user("remove", name) ->
--- true; cf_user("list") -> list of the same; cf_user("passcode", name) -> a one-time passcode.
local errors = require "iflow.error"
local json = require "iflow.core".json

local actions = {}

function actions.add(platform, name, given) return platform:add_user(name, given or {}) end
function actions.remove(platform, name) return platform:remove_user(name) end
function actions.passcode(platform, name) return platform:passcode(name) end
function actions.list(platform) return json.array(platform:users()) end

return function(tenant, action, name, given)
  if not actions[action] then
    return nil, errors { code = "usage.invalid",
                         message = "cf_user takes add, remove, list or passcode" }
  end
  return actions[action](tenant.platform, name, given)
end
