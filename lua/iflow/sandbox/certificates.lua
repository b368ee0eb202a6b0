--- Which key a client certificate belongs to (sap-reference 2.3). A pinned key, the default, takes
--- the very certificate it holds. A key with pinning off takes any certificate of the same subject
--- and issuer; there a newer one takes the place of the older for good. Conflicts between keys are
--- found here, when somebody calls, never when a key is made.
local core = require "iflow.core"

local certificates = {}

local FRESH = 600 -- seconds; the token server takes a certificate younger than that in any case

local held = setmetatable({}, { __mode = "k" }) -- key record -> what its certificate says

-- { names, issued, sha256 } of the certificate in a key.
local function certificate_of(key)
  if not held[key] then
    local oauth = key.document.oauth or key.document
    local parsed = assert(core.cert.parse(oauth.certificate))
    local leaf = parsed.certificates[1]
    held[key] = { names = certificates.names(leaf), issued = leaf.not_before, sha256 = leaf.sha256 }
  end
  return held[key]
end

--- What is compared when pinning is off.
function certificates.names(leaf) return leaf.subject .. "\n" .. leaf.issuer end

local function is_pinned(key) return key.pin ~= false end

-- With pinning off: whether the leaf is the last one that was accepted, or newer. A newer one is
-- remembered, and ends the older.
local function accept_newer(tenant, key, leaf)
  local last = key.accepted or certificate_of(key)
  if leaf.sha256 == last.sha256 then return true end
  if leaf.not_before <= last.issued then return false end
  local before = key.accepted
  tenant.state:change(
    function() key.accepted = { sha256 = leaf.sha256, issued = leaf.not_before } end,
    function() key.accepted = before end)
  return true
end

--- Whether a key takes the leaf at the token server, where the client id has chosen the key.
function certificates.fits(tenant, key, leaf)
  if not key.sha256 then return false end
  if is_pinned(key) then return key.sha256 == leaf.sha256 end
  if certificate_of(key).names ~= certificates.names(leaf) then return false end
  if accept_newer(tenant, key, leaf) then return true end
  return tenant.now() - leaf.not_before < FRESH
end

-- The keys of a plan that have a certificate of these names, those with pinning off apart.
local function namesakes(tenant, plan, names)
  local pinned, open = {}, {}
  for _, instance in pairs(tenant.broker:instances()) do
    for _, key in pairs(instance.plan == plan and instance.keys or {}) do
      if key.sha256 and certificate_of(key).names == names then
        local list = is_pinned(key) and pinned or open
        list[#list + 1] = { instance = instance, key = key }
      end
    end
  end
  return pinned, open
end

--- The { instance, key } a leaf stands for when it comes without a client id; nil and why not.
function certificates.owner(tenant, plan, leaf)
  local pinned, open = namesakes(tenant, plan, certificates.names(leaf))
  if #open > 1 or (#open == 1 and #pinned > 0) then return nil, "multiple clones were found" end
  if #open == 1 then
    if accept_newer(tenant, open[1].key, leaf) then return open[1] end
    return nil, "a newer certificate was used already"
  end
  for _, owner in ipairs(pinned) do
    if owner.key.sha256 == leaf.sha256 then return owner end
  end
  return nil, "it is in no key"
end

return certificates
