--- Step 0: a limit of requests a second, when one is set: SAP documents none for flows.
local core = require "iflow.core"
local web = require "iflow.sandbox.web"

return function(tenant)
  local wait, again = tenant.runtime_limit:take(core.task.monotonic(),
                                                tenant.settings.runtime_rate, 0)
  if wait == 0 then return nil end
  return web.because(web.page(429, "Too Many Requests", { ["Retry-After"] = tostring(again or 1) }),
                     "rate: more than %s requests a second (setting runtime_rate)",
                     tenant.settings.runtime_rate)
end
