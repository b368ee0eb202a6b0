--- Step 3: the role of the sender channel must be one of the caller's. No message log is written.
local web = require "iflow.sandbox.web"

-- Where the roles come from: a token has those of the moment it was issued.
local function words(tenant, caller, role)
  if caller.by ~= "token" then
    return ("role: instance roles %s lack %s"):format(web.names(caller.roles), role)
  end
  local roles = web.names(caller.roles)
  local text = ("role: instance roles %s in the token lack %s"):format(roles, role)
  for _, name in ipairs(caller.instance and tenant.role_cache:of(caller.instance) or {}) do
    if name == role then return text .. ", which the instance has by now: a new token is needed" end
  end
  return text
end

return function(tenant, request)
  local caller, role = request.caller, request.flow.role
  if caller.roles[role] then return nil end
  return web.because(web.forbidden(tenant.settings.forbidden_body), "%s",
                     words(tenant, caller, role))
end
