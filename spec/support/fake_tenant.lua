-- fake_tenant.lua -- a token server and a runtime in the spec's own process, as evil as a spec
-- wants them: for what a true tenant (iflow.sandbox) never does. Inside a task.
--   local fake <close> = fake_tenant.start {
--     token = function(req, n) … end,       -- the n-th token request; answers a token if left out
--     runtime = function(req, n) … end,     -- the n-th call; answers 200 "ok" if left out
--     server = { … } }                      -- more for core.server.new
--   local tenant <close> = fake:tenant { … }
--   fake.tokens, fake.calls                 -- requests so far
local core = require "iflow.core"
local json = core.json

local fake_tenant = {}

local class = {}
class.__index = class

local function base64url_json(value)
  local text = core.crypto.base64(json.encode(value))
  return (text:gsub("+", "-"):gsub("/", "_"):gsub("=", ""))
end

--- A token of the shape that SAP's have; unsigned, since nobody here looks.
function fake_tenant.jwt(claims)
  return base64url_json { alg = "RS256" } .. "." .. base64url_json(claims) .. ".c2ln"
end

--- Answers with a token: fields of the JSON document, on top of the usual ones.
function fake_tenant.give_token(req, fields)
  local document = { access_token = "token", token_type = "bearer", expires_in = 3599 }
  for name, value in pairs(fields or {}) do document[name] = value end
  return req:answer(200, { ["Content-Type"] = "application/json;charset=UTF-8" },
                    json.encode(document))
end

local function default_token(req, n)
  return fake_tenant.give_token(req, { access_token = "token-" .. n })
end

local function default_runtime(req)
  return req:answer(200, { ["Content-Type"] = "text/plain" }, "ok")
end

local function serve(self, req)
  if req.target:match "^/oauth/token" then
    self.tokens = self.tokens + 1
    return self.token(req, self.tokens)
  end
  self.calls = self.calls + 1
  return self.runtime(req, self.calls)
end

function fake_tenant.start(opts)
  local self = setmetatable({ tokens = 0, calls = 0 }, class)
  self.token = opts and opts.token or default_token
  self.runtime = opts and opts.runtime or default_runtime
  local settings = { request = function(req) return serve(self, req) end }
  for name, value in pairs(opts and opts.server or {}) do settings[name] = value end
  self.server = assert(core.server.new(settings))
  self.url = ("%s://localhost:%d"):format(settings.tls and "https" or "http", self.server:port())
  return self
end

--- A service key as the cockpit writes it; fields of oauth on top of the usual ones.
function class:key(fields)
  local oauth = {
    clientid = "sb-1!b2|it-rt-acme!b3", clientsecret = "s3cret$Value=", url = self.url,
    tokenurl = self.url .. "/oauth/token", createdate = "2026-05-04T08:00:00.000Z",
  }
  for name, value in pairs(fields or {}) do oauth[name] = value end
  return { oauth = oauth }
end

--- A tenant with the client secret, without a cache on the disk. Options on top.
function class:tenant(options)
  local own = { service_key = self:key(), token_cache = false }
  for name, value in pairs(options or {}) do own[name] = value end
  return assert(require "iflow.tenant" (own))
end

function class:close()
  if self.server then self.server:close(0) end
  self.server = nil
end
class.__close = class.close

return fake_tenant
