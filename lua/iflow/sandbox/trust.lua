--- Whom the balancer and the token server believe: two lists of roots, which differ (sap-reference
--- 3.1). The sandbox's own root, which plays SAP Cloud Root CA, is on the balancer's; the token
--- server takes it for the certificates that the tenant itself made ("issued"), not for external
--- ones. A chain that was checked is remembered for a minute.
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

-- The roots that count for "balancer", "token" or "issued".
local function roots_of(self, list)
  local roots = {}
  if list ~= "token" then roots[1] = self.own_root end
  for _, pem in ipairs(list ~= "issued" and self.state.data.trust[list] or {}) do
    roots[#roots + 1] = pem
  end
  return roots
end

local function refused(text, ...)
  return nil, errors { code = "sandbox.refused", message = text:format(...) }
end

local function lists_of(self, list)
  if list == "both" then return { "balancer", "token" } end
  if type(list) == "string" and self.state.data.trust[list] then return { list } end
  return refused("there is no trust list '%s'; there are balancer, token and both", tostring(list))
end

-- Replaces lists; new: name -> list of PEM.
local function replace(self, new)
  local old = self.state.data.trust
  local all = { balancer = new.balancer or old.balancer, token = new.token or old.token }
  local ok, err = self.state:change(function(data) data.trust = all end,
                                    function(data) data.trust = old end)
  if not ok then return nil, err end
  self.verdicts, self.count = {}, 0
  return true
end

--- Adds the certificates in text to the list "balancer", "token" or "both". Returns their subjects.
function trust:add(text, list)
  local names, err = lists_of(self, list)
  if not names then return nil, err end
  local parsed
  parsed, err = core.cert.parse(text)
  if not parsed then return nil, err end
  local new, subjects = {}, {}
  for _, name in ipairs(names) do
    new[name] = { table.unpack(self.state.data.trust[name]) }
    for i, certificate in ipairs(parsed.certificates) do
      table.insert(new[name], certificate.pem)
      subjects[i] = certificate.subject
    end
  end
  local ok
  ok, err = replace(self, new)
  if not ok then return nil, err end
  return subjects
end

-- The PEM texts of a list without the root of that fingerprint, and its subject if it was there.
local function without(pems, sha256)
  local kept, subject = {}, nil
  for _, pem in ipairs(pems) do
    local certificate = assert(core.cert.parse(pem)).certificates[1]
    if certificate.sha256:lower() == sha256 then subject = certificate.subject
    else kept[#kept + 1] = pem end
  end
  return kept, subject
end

--- Takes the root of that fingerprint (hex, colons or not) off a list or both. Returns its subject.
function trust:remove(sha256, list)
  local names, err = lists_of(self, list)
  if not names then return nil, err end
  sha256 = tostring(sha256):gsub(":", ""):lower()
  local new, found = {}, nil
  for _, name in ipairs(names) do
    local subject
    new[name], subject = without(self.state.data.trust[name], sha256)
    found = found or subject
  end
  if not found then return refused("no root with the fingerprint %s was added", sha256) end
  local ok
  ok, err = replace(self, new)
  if not ok then return nil, err end
  return { found }
end

--- Both lists: { balancer = { { subject, sha256, not_after, own } … }, token = … }.
function trust:list()
  local all = {}
  for _, name in ipairs { "balancer", "token" } do
    all[name] = core.json.array {}
    for i, pem in ipairs(roots_of(self, name)) do
      local root = assert(core.cert.parse(pem)).certificates[1]
      all[name][i] = { subject = root.subject, sha256 = root.sha256, not_after = root.not_after,
                       own = pem == self.own_root }
    end
  end
  return all
end

local function examine(self, list, chain)
  local at = self.now()
  local good, reason = core.cert.verify(chain, roots_of(self, list), { at = math.floor(at),
                                                                  purpose = "client" })
  if not good then return { at = at, reason = reason } end
  local parsed, err = core.cert.parse(chain[1])
  if not parsed then return { at = at, reason = err.message } end
  return { at = at, leaf = parsed.certificates[1] }
end

--- The leaf of a presented chain that reaches a root of "balancer", "token" or "issued", as
--- cert.parse gives it; nil and the reason when it does not.
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
