--- POST DeployIntegrationDesigntimeArtifact?Id='…'&Version='active' (sap-reference 7.4): deploys
--- what the design time has by that id, and answers 202 with the id of the task.
local csrf = require "iflow.sandbox.api.csrf"
local literal = require "iflow.sandbox.api.literal"
local web = require "iflow.sandbox.web"

local deployment = { NAME = "DeployIntegrationDesigntimeArtifact" }

local ROLE = "WorkspaceArtifactsDeploy"

-- The text of an option 'like this', or nil.
local function text_of(option)
  local found, after = literal.read(option or "", 1)
  if found and found.kind == "Edm.String" and after > #option then return found.value end
end

--- call: as in odata.lua.
function deployment.serve(call)
  local tenant, request = call.tenant, call.request
  if request.method ~= "POST" then return call:refuse(405, "POST deploys") end
  if not request.caller.roles[ROLE] then return call:forbid(ROLE) end
  local refused = csrf.check(tenant, request)
  if refused then return refused end
  local id, version = text_of(call.options.Id), text_of(call.options.Version)
  if not id or not version then
    return call:refuse(400, "Id='…' and Version='…' are expected, quotes included")
  elseif version:lower() ~= "active" and version ~= "1.0.0" then
    return call:refuse(404, ("there is no version '%s'"):format(version))
  end
  local task = tenant.artifacts:deploy(id)
  if not task then return call:refuse(404, ("there is no integration flow '%s'"):format(id)) end
  return web.because(web.text(202, task), "api: flow '%s' is deployed by task %s", id, task)
end

return deployment
