-- landscape.lua -- what most system specs stand on: a sandbox with the instance "orders", the flow
-- /http/orders that tells what reached it, service keys in files, a public key infrastructure of
-- its own for external certificates. Inside a task; goes with its scope.
local json = require "iflow.json"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local landscape = {}

local class = {}
class.__index = class

-- Answers with what the flow saw, as JSON.
local function tell(exchange)
  return 200, { ["Content-Type"] = "application/json" },
    json.encode { method = exchange.method, body = exchange.body, headers = exchange.headers }
end

--- opts: hostname, settings (of the sandbox), csrf (of the flow), process (of the flow).
function landscape.open(opts)
  opts = opts or {}
  local self = setmetatable({ dir = process.tempdir(), made = {} }, class)
  self.sb = sandbox.start { hostname = opts.hostname, settings = opts.settings }
  assert(self.sb:create_instance { name = "orders", roles = { "ESBMessaging.send" } })
  assert(self.sb:deploy { name = "orders", address = "/orders", role = "ESBMessaging.send",
                          csrf = opts.csrf or false, allowed_headers = "*",
                          process = opts.process or tell })
  self.cacert = self.sb.endpoints.cacert
  return self
end

function class.__close(self)
  self.sb:close()
  self.dir:close()
end

--- The external authority, trusted by the sandbox.
function class:authority()
  if not self.ca then
    self.ca = pki.authority(self.dir, "Example Root")
    assert(self.sb:trust(process.read(self.ca.cert)))
  end
  return self.ca
end

--- A key of the type ("secret", "certificate", "external"), made once: { path =, oauth =, cert =,
--- key = }; cert and key are files: what a client program or an external key needs.
function class:key(type)
  if self.made[type] then return self.made[type] end
  local own = type == "external" and
    self:authority():issue { name = "sender", usage = "clientAuth" } or {}
  local document = assert(self.sb:create_key {
    instance = "orders", name = type, type = type, x509 = own.cert and process.read(own.cert),
  })
  own.oauth = document.oauth
  own.path = self.dir:write(type .. ".json", assert(json.encode(document)))
  if type == "certificate" then
    own.cert = self.dir:write("certificate.pem", document.oauth.certificate)
    own.key = self.dir:write("certificate.key", document.oauth.key)
  end
  self.made[type] = own
  return own
end

--- The "oauth" part of a secret key of an instance of its own: roles, plan ("integration-flow").
function class:other_key(roles, plan)
  return (sandbox.key(self.sb, "secret", { roles = roles, plan = plan })).oauth
end

--- Options of iflow.tenant for a key of the type; more can be given.
function class:tenant_options(type, more)
  local key = self:key(type)
  local options = { service_key = key.path, cacert = self.cacert, token_cache = false }
  if type == "external" then options.cert, options.key = key.cert, key.key end
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

--- The port of a host of the sandbox: "token", "token_cert", "runtime", "api".
function class:port(kind) return tonumber(self.sb.endpoints[kind]:match ":(%d+)") end

return landscape
