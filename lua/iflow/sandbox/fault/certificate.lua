--- The host shows a certificate that has expired, or one of another host. This is about
--- connections, not requests: see faults.lua.
local DAY = 86400

return {
  help = "the host shows a certificate that has expired, or has a wrong-name, to all connections",
  hosts = { "token", "token_cert", "runtime" },
  value = { type = "word", words = { "expired", "wrong-name" }, default = "expired" },
  begin = function(what, tenant, host)
    local now = math.floor(tenant.now())
    local sans, dates = tenant.addresses:sans(), nil
    if what == "wrong-name" then sans = { "DNS:elsewhere.example" } end
    if what == "expired" then dates = { not_before = now - 2 * DAY, not_after = now - DAY } end
    local identity, err = tenant.authority:server_identity(sans, now, dates)
    if not identity then return nil, err end
    return tenant.hosts:show_certificate(host, identity)
  end,
  finish = function(tenant, host) return tenant.hosts:show_certificate(host) end,
}
