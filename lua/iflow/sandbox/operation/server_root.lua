--- server_root([step]) -> { served, announced }, each { subject, sha256, not_after, pem }.
--- Exchanges the root of the server certificates as SAP does it (sap-reference 3.7): "announce"
--- makes the new one, which senders take into their trust stores beside the old one; "exchange"
--- serves it, and open connections end. Without a step nothing changes.
local core = require "iflow.core"
local errors = require "iflow.error"

local function describe(root)
  if not root then return nil end
  local found = core.cert.parse(root.pem).certificates[1]
  return { subject = found.subject, sha256 = found.sha256, not_after = found.not_after,
           pem = root.pem }
end

local function exchange(tenant)
  local authority = tenant.authority
  if not authority.next_root then
    return nil, errors { code = "usage.invalid", message = "no new root was announced",
      hint = "announce it, and give senders the time to take it into their trust stores" }
  end
  local ok, err = authority:exchange_root()
  if not ok then return nil, err end
  local identity
  identity, err = authority:server_identity(tenant.addresses:sans(), math.floor(tenant.now()))
  if not identity then return nil, err end
  ok, err = core.file.write(tenant.endpoints.cacert, authority.server_root.pem, "0644")
  if not ok then return nil, err end
  return tenant.hosts:renew_certificate(identity)
end

local steps = {
  announce = function(tenant) return tenant.authority:announce_root(math.floor(tenant.now())) end,
  exchange = exchange,
}

return function(tenant, step)
  if step ~= nil then
    if not steps[step] then
      return nil, errors { code = "usage.invalid", message = "a step is 'announce' or 'exchange'" }
    end
    local ok, err = steps[step](tenant)
    if not ok then return nil, err end
  end
  return { served = describe(tenant.authority.server_root),
           announced = describe(tenant.authority.next_root) }
end
