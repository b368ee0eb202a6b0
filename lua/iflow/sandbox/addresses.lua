--- The four hosts of the tenant, named as SAP names them, on consecutive ports of 127.0.0.1. The
--- Host field chooses the tenant, as on the platform.
local addresses = {}
addresses.__index = addresses

addresses.SUBDOMAIN = "acme-dev"
addresses.KINDS = { "token", "token_cert", "runtime", "api" }

local DOMAINS = {
  token = "authentication.localhost",
  token_cert = "authentication.cert.localhost",
  runtime = "it-cpi001-rt.localhost",
  api = "it-cpi001.localhost",
}

--- hostname: written into URLs instead of the documented names, for clients that cannot resolve
--- them.
function addresses.new(hostname)
  return setmetatable({ hostname = hostname, ports = {} }, addresses)
end

function addresses.name(kind) return addresses.SUBDOMAIN .. "." .. DOMAINS[kind] end

--- "https://host:port", without a path.
function addresses:url(kind)
  return ("https://%s:%d"):format(self.hostname or addresses.name(kind), self.ports[kind])
end

--- Where a certificate key goes to for tokens, and where every other one does.
function addresses:token_url(with_certificate)
  return self:url(with_certificate and "token_cert" or "token") .. "/oauth/token"
end

--- Whether a Host field means this tenant. Plain localhost does: --hostname writes it.
function addresses:accepts(kind, host)
  local name = (host or ""):lower():gsub(":%d+$", "")
  return name == addresses.name(kind) or name == "localhost" or name == "127.0.0.1"
    or (self.hostname ~= nil and name == self.hostname:lower())
end

--- Whether a Host field is the token server's domain without a subdomain, which serves the tenant
--- that a request names by its zone id.
function addresses.is_domain(kind, host)
  local name = (host or ""):lower():gsub(":%d+$", "")
  return (kind == "token" or kind == "token_cert") and name == DOMAINS[kind]
end

--- What the server certificate must name: like SAP's it covers other subdomains too, so that a
--- wrong one fails where it does there, by a 404.
function addresses:sans()
  local sans = { "DNS:localhost", "IP:127.0.0.1" }
  for _, kind in ipairs(addresses.KINDS) do
    sans[#sans + 1] = "DNS:" .. addresses.name(kind)
    sans[#sans + 1] = "DNS:*." .. DOMAINS[kind]
    sans[#sans + 1] = "DNS:" .. DOMAINS[kind]
  end
  if self.hostname and self.hostname ~= "localhost" then
    sans[#sans + 1] = "DNS:" .. self.hostname
  end
  return sans
end

return addresses
