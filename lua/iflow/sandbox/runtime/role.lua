--- Step 3: the role of the sender channel must be one of the caller's. No message log is written.
local web = require "iflow.sandbox.web"

return function(_, request)
  if not request.caller.roles[request.flow.role] then return web.page(403, "Forbidden") end
end
