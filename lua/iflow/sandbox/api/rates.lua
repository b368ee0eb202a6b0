--- Requests a second that the OData API takes, of the tenant and of one client (sap-reference 7.1).
local limiter = require "iflow.sandbox.limiter"

local rates = {}
rates.__index = rates

local LIMITS = { logs = { 1000, 100 }, artifacts = { 120, 50 }, security = { 12, 10 },
                 design = { 15, 10 } }
local LIMITERS_MAX = 1000

--- now() -> seconds.
function rates.new(now) return setmetatable({ now = now, limiters = {}, count = 0 }, rates) end

local function limiter_of(self, name)
  if not self.limiters[name] then
    if self.count >= LIMITERS_MAX then self.limiters, self.count = {}, 0 end
    self.limiters[name], self.count = limiter.new(), self.count + 1
  end
  return self.limiters[name]
end

--- nil when a request of the client may go on; else the limit it exceeds and the seconds after
--- which to come again.
function rates:exceeded(family, client_id)
  local now = self.now()
  for i, name in ipairs { family, family .. " " .. client_id } do
    local limit = LIMITS[family][i]
    local wait, again = limiter_of(self, name):take(now, limit, 0)
    if wait ~= 0 then return limit, again or 1 end
  end
end

return rates
