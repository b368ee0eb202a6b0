--- The runtime host: router and balancer, then one worker, which decides in this order. A step
--- returns the answer, or nothing when the next one may go on.
local web = require "iflow.sandbox.web"

local STEPS = {
  require "iflow.sandbox.runtime.rate",           -- 429, if it is set
  require "iflow.sandbox.runtime.authentication", -- 401
  require "iflow.sandbox.runtime.address",        -- 404
  require "iflow.sandbox.runtime.role",           -- 403
  require "iflow.sandbox.runtime.method",         -- 405
  require "iflow.sandbox.runtime.csrf",           -- 403, or the token
  require "iflow.sandbox.runtime.size",           -- 500
  require "iflow.sandbox.runtime.content",        -- a fault of the channel
  require "iflow.sandbox.runtime.flow",           -- the flow's own, or 500
}

return function(tenant, request)
  local refused = tenant.balancer:admit(request)
  if refused then return refused end
  for _, step in ipairs(STEPS) do
    local answer = step(tenant, request)
    if answer and answer.abort then return answer end
    if answer then return tenant.balancer:dress(request, answer) end
  end
  return web.page(404, "Not Found")
end
