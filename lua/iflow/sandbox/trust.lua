--- Whom the balancer and the token server believe: two lists of roots (sap-reference 3.1), both
--- with the sandbox's own root. A chain that was checked is remembered for a minute.
local core = require "iflow.core"
local errors = require "iflow.error"

local trust = {}
trust.__index = trust

local REMEMBER = 60   -- seconds
local REMEMBER_MAX = 256

--- deps: state, own_root (PEM), now() -> seconds.
function trust.new(deps)
  return setmetatable({ state = deps.state, own_root = deps.own_root, now = deps.now,
                        verdicts = {}, count = 0 }, trust)
end

function trust:roots(list)
  local roots = { self.own_root }
  for _, pem in ipairs(self.state.data.trust[list]) do roots[#roots + 1] = pem end
  return roots
end

--- Adds the certificates in text to the list "balancer", "token" or "both". Returns their subjects.
function trust:add(text, list)
  local parsed, err = core.cert.parse(text)
  if not parsed then return nil, err end
  local lists = list == "both" and { "balancer", "token" } or { list }
  if not self.state.data.trust[lists[1]] then
    return nil, errors { code = "sandbox.refused", message =
      ("there is no trust list '%s'; there are balancer, token and both"):format(tostring(list)) }
  end
  local subjects = {}
  local old = {}
  local ok
  ok, err = self.state:change(function(data)
    for _, name in ipairs(lists) do
      old[name] = data.trust[name]
      local grown = { table.unpack(old[name]) }
      for _, certificate in ipairs(parsed.certificates) do grown[#grown + 1] = certificate.pem end
      data.trust[name] = grown
    end
  end, function(data)
    for name, pems in pairs(old) do data.trust[name] = pems end
  end)
  if not ok then return nil, err end
  self.verdicts, self.count = {}, 0
  for i, certificate in ipairs(parsed.certificates) do subjects[i] = certificate.subject end
  return subjects
end

local function examine(self, list, chain)
  local at = self.now()
  local good, reason = core.cert.verify(chain, self:roots(list), { at = math.floor(at),
                                                                  purpose = "client" })
  if not good then return { at = at, reason = reason } end
  local parsed, err = core.cert.parse(chain[1])
  if not parsed then return { at = at, reason = err.message } end
  return { at = at, leaf = parsed.certificates[1] }
end

--- The leaf of a presented chain that reaches a root of the list, as cert.parse gives it; nil and
--- the reason when it does not.
function trust:leaf(list, chain)
  local name = list .. table.concat(chain)
  local verdict = self.verdicts[name]
  if not verdict or self.now() - verdict.at > REMEMBER then
    if self.count >= REMEMBER_MAX then self.verdicts, self.count = {}, 0 end
    if not verdict then self.count = self.count + 1 end
    verdict = examine(self, list, chain)
    self.verdicts[name] = verdict
  end
  return verdict.leaf, verdict.reason
end

return trust
