--- The hosts of the tenant and of the platform around it, named as SAP names them, on consecutive
--- ports of 127.0.0.1. The Host field chooses the tenant, as on the platform. The last host is the
--- platform's own: the Cloud Foundry API, and beside it under another name its UAA.
local addresses = {}
addresses.__index = addresses

addresses.SUBDOMAIN = "acme-dev"
addresses.KINDS = { "token", "token_cert", "runtime", "api", "cf" }

local DOMAINS = {
  token = "authentication.localhost",
  token_cert = "authentication.cert.localhost",
  runtime = "it-cpi001-rt.localhost",
  api = "it-cpi001.localhost",
  cf = "cf.localhost",
}
local CF_PLACES = { ["api.cf.localhost"] = "api", ["uaa.cf.localhost"] = "uaa",
                    ["login.cf.localhost"] = "uaa" }

local function is_address(name) return name:match "^%d+%.%d+%.%d+%.%d+$" ~= nil end

--- Whether a text can stand in URLs and certificates as a host: a name, or an IPv4 address.
function addresses.is_hostname(name)
  if #name > 253 then return false end
  for label in (name .. "."):gmatch "(.-)%." do
    if #label > 63 or not label:match "^%w[%w_-]*$" then return false end
  end
  return true
end

--- hostname: written into URLs instead of the documented names, for clients that cannot resolve
--- them.
function addresses.new(hostname)
  return setmetatable({ hostname = hostname, ports = {} }, addresses)
end

function addresses.name(kind)
  return (kind == "cf" and "api" or addresses.SUBDOMAIN) .. "." .. DOMAINS[kind]
end

local function bare(host) return ((host or ""):lower():gsub(":%d+$", "")) end

--- "https://host:port", without a path.
function addresses:url(kind)
  return ("https://%s:%d"):format(self.hostname or addresses.name(kind), self.ports[kind])
end

--- The platform's own UAA, where users of the Cloud Foundry API get their tokens.
function addresses:uaa_url()
  return ("https://%s:%d"):format(self.hostname or "uaa." .. DOMAINS.cf, self.ports.cf)
end

--- Which of the two a Host field means at the platform's host: "api" or "uaa"; nil when it can be
--- either.
function addresses.cf_place(_, host) return CF_PLACES[bare(host)] end

--- Where a certificate key goes to for tokens, and where every other one does.
function addresses:token_url(with_certificate)
  return self:url(with_certificate and "token_cert" or "token") .. "/oauth/token"
end

--- Whether a Host field means this tenant. Plain localhost does: --hostname writes it.
function addresses:accepts(kind, host)
  local name = bare(host)
  return name == addresses.name(kind) or (kind == "cf" and CF_PLACES[name] ~= nil)
    or name == "localhost" or name == "127.0.0.1"
    or (self.hostname ~= nil and name == self.hostname:lower())
end

--- Whether a Host field is the token server's domain without a subdomain, which serves the tenant
--- that a request names by its zone id.
function addresses.is_domain(kind, host)
  local name = bare(host)
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
    sans[#sans + 1] = (is_address(self.hostname) and "IP:" or "DNS:") .. self.hostname
  end
  return sans
end

return addresses
