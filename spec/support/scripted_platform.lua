-- scripted_platform.lua -- a Cloud Foundry API over TLS in the spec's own process, with its UAA,
-- whose answers a spec writes down: for what a true one (the sandbox's) seldom says. Inside a task.
--   local platform <close> = scripted.start {
--     ["GET /v3/jobs/j1"] = { { 200, { state = "PROCESSING" } }, { 200, { state = "COMPLETE" } } },
--     ["POST /v3/service_instances"] = function(req) return 202, nil, { Location = … } end }
--   local cf = platform:open { … }                -- an iflow.cf; options on top
--   platform.seen                                 -- "GET /v3/jobs/j1" and so on, in their order
--   platform.tokens                               -- the grant types that were asked for
-- A list of answers { status, value, headers } is given one after the other, the last one for good.
-- "POST /oauth/token" gives tokens unless the script says otherwise. What is not written down is
-- answered 404.
local core = require "iflow.core"
local process = require "spec.support.process"
local web = require "iflow.sandbox.web"

local scripted = {}

local class = {}
class.__index = class

local identity -- of the server, made once a process, with its authority

local function make_identity()
  local now = math.floor(core.task.now())
  local root_key = assert(core.authority.keypair { type = "ec" })
  local key = assert(core.authority.keypair { type = "ec" })
  local root = assert(core.authority.issue {
    subject = { { "CN", "Scripted Root" } }, key = root_key, ca = true, not_before = now - 3600,
    not_after = now + 86400 })
  local leaf = assert(core.authority.issue {
    subject = { { "CN", "localhost" } }, key = key, issuer = root, issuer_key = root_key,
    not_before = now - 3600, not_after = now + 86400, server_auth = true,
    sans = { "DNS:localhost" } })
  return { root = root, own = assert(core.identity.open { cert_pem = leaf,
                                                          key_pem = key:private_pem() }) }
end

local function give_token(self, form)
  table.insert(self.tokens, form.grant_type)
  local n = #self.tokens
  return 200, { access_token = "access-" .. n, refresh_token = "refresh-" .. n,
                token_type = "bearer", expires_in = 1199 }
end

local function root_of(self)
  return 200, { links = { uaa = { href = self.url }, login = { href = self.url },
                          cloud_controller_v3 = { href = self.url .. "/v3" } } }
end

-- What the script says to a request: status, value, headers.
local function answer_of(self, name, request)
  local script = self.script[name]
  if type(script) == "function" then return script(request, self) end
  if type(script) == "table" then
    local one = #script > 1 and table.remove(script, 1) or script[1]
    return table.unpack(one, 1, 3)
  end
  if name == "GET /" then return root_of(self) end
  if name == "POST /oauth/token" then return give_token(self, request.form) end
  return 404, { errors = { { code = 10010, title = "CF-ResourceNotFound",
                             detail = "not in the script" } } }
end

local function serve(self, req)
  local path, query = web.split_target(req.target)
  local name = req.method .. " " .. path
  table.insert(self.seen, name)
  local body = req:body() or ""
  local request = { query = web.form(query), headers = req.headers, text = body,
                    form = web.is_form(req.headers) and web.form(body) or nil,
                    json = core.json.decode(body), number = #self.seen, raw = req }
  local status, value, headers = answer_of(self, name, request)
  if status == nil then return req:abort() end
  local fields = { ["Content-Type"] = "application/json" }
  for field, text in pairs(headers or {}) do fields[field] = text end
  req:answer(status, fields, value and assert(core.json.encode(value)) or "")
end

--- Starts one.
function scripted.start(script)
  identity = identity or make_identity()
  local self = setmetatable({ script = script or {}, seen = {}, tokens = {},
                              dir = process.tempdir() }, class)
  self.cacert = self.dir:write("ca.pem", identity.root)
  self.server = assert(core.server.new { tls = true, identity = identity.own,
                                         request = function(req) return serve(self, req) end })
  self.url = ("https://localhost:%d"):format(self.server:port())
  return self
end

--- An iflow.cf with user and password; options on top.
function class:open(options)
  local all = { api = self.url, cacert = self.cacert, proxy = "", user = "anna",
                password = "geheim", space_guid = "s1", space = "dev", org = "acme" }
  for name, value in pairs(options or {}) do all[name] = value or nil end
  return assert(require "iflow.cf" (all))
end

--- How often a request came.
function class:count(name)
  local n = 0
  for _, one in ipairs(self.seen) do n = n + (one == name and 1 or 0) end
  return n
end

function class:__close()
  self.server:close(0)
  self.dir:close()
end

-- Pieces of answers -------------------------------------------------------------------------------

--- A page of a list.
function scripted.page(resources, included, next_url)
  return { pagination = { total_results = #resources, total_pages = 1,
                          next = next_url and { href = next_url } or core.json.null },
           resources = core.json.array(resources), included = included }
end

--- The errors of an answer or a job.
function scripted.errors(code, title, detail)
  return { errors = { { code = code, title = "CF-" .. title, detail = detail } } }
end

--- An instance as a list shows it.
function scripted.instance(name, guid, space)
  return { guid = guid or name .. "-guid", name = name, created_at = "2026-11-01T00:00:00Z",
           updated_at = "2026-11-01T00:00:00Z",
           last_operation = { type = "create", state = "succeeded", description = "" },
           relationships = { service_plan = { data = { guid = "p1" } },
                             space = { data = { guid = space or "s1" } } } }
end

--- What a list of instances includes.
function scripted.included()
  return {
    service_plans = { { guid = "p1", name = "integration-flow",
                        relationships = { service_offering = { data = { guid = "o1" } } } } },
    service_offerings = { { guid = "o1", name = "it-rt" } },
    spaces = { { guid = "s1", name = "dev",
                 relationships = { organization = { data = { guid = "g1" } } } },
               { guid = "s2", name = "test",
                 relationships = { organization = { data = { guid = "g1" } } } } },
    organizations = { { guid = "g1", name = "acme" } },
  }
end

return scripted
