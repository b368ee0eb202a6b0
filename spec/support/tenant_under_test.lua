-- tenant_under_test.lua -- the tenant that spec/system/tenant_spec.lua looks at: a real one when
-- the environment names its service keys, else a sandbox. Nothing here changes anything.
--   IFLOW_TENANT_KEY       file: service key of plan integration-flow
--   IFLOW_TENANT_API_KEY   file: service key of plan api with MonitoringDataRead
--   IFLOW_TENANT_CERT, IFLOW_TENANT_CERT_KEY   for keys of type External Certificate: PEM files
--   IFLOW_TENANT_CACERT    PEM file to trust instead of the system's roots
--   IFLOW_TENANT_REPORT    file: what the tenant answered goes there, one JSON object a line
-- Inside a task:
--   local t <close> = under_test.open()
--   t.flow, t.api: { path, oauth, tenant }, nil when the environment names only the other
--   t:ask { url =, … } -> answer          t:note("question", answer)
local core = require "iflow.core"
local iflow = require "iflow"
local process = require "spec.support.process"

local under_test = {}

local env = { key = os.getenv "IFLOW_TENANT_KEY", api_key = os.getenv "IFLOW_TENANT_API_KEY",
              cert = os.getenv "IFLOW_TENANT_CERT", cert_key = os.getenv "IFLOW_TENANT_CERT_KEY",
              cacert = os.getenv "IFLOW_TENANT_CACERT", report = os.getenv "IFLOW_TENANT_REPORT" }

--- Whether a real tenant is looked at.
under_test.real = (env.key or env.api_key) ~= nil
--- Which of its keys there are.
under_test.has_flow = not under_test.real or env.key ~= nil
under_test.has_api = not under_test.real or env.api_key ~= nil

local class = {}
class.__index = class

function class.__close(self)
  for _, one in ipairs { self.flow or false, self.api or false } do
    if one then one.tenant:close() end
  end
  if self.sb then self.sb:close() end
  if self.dir then self.dir:close() end
end

--- One request, without any of iflow's knowledge of SAP. The answer; raises when there is none.
function class:ask(fields)
  local all = { cacert = self.cacert, proxy = self.sb and "" or nil }
  for name, value in pairs(fields) do all[name] = value end
  return assert(core.http.request(all))
end

--- The Authorization field of a token of flow or api.
function class.bearer(_, one)
  return "Bearer " .. assert(one.tenant:token()).access:reveal()
end

--- Notes an answer to an open question: it never holds a token.
function class.note(_, question, answer)
  if not env.report then return end
  local headers = {}
  for _, name in ipairs { "content-type", "www-authenticate", "x-csrf-token", "retry-after",
                          "x-cf-routererror" } do
    headers[name] = answer.headers[name]
  end
  local line = assert(core.json.encode({ question = question, status = answer.status,
    headers = headers, body = answer.body:sub(1, 2000):gsub("[\x80-\xff]", "?") },
    { sort = true }))
  local file = assert(io.open(env.report, "a"))
  file:write(line, "\n")
  file:close()
end

local function one_of(self, path)
  if not path then return nil end
  local text = assert(process.read(path), path .. " cannot be read")
  local document = assert(core.json.decode(text))
  local oauth = document.oauth or (document.credentials or {}).oauth or document
  local key = assert(iflow.service_key.open(path))
  local external = key.type == "external certificate"
  return { path = path, oauth = oauth, key = key, tenant = assert(iflow.tenant {
    service_key = path, cacert = self.cacert, token_cache = false,
    cert = external and env.cert or nil, key = external and env.cert_key or nil }) }
end

local function sandbox(self)
  local support = require "spec.support.sandbox"
  self.dir, self.sb = process.tempdir(), support.start()
  self.cacert = self.sb.endpoints.cacert
  support.echo(self.sb, { name = "orders", address = "/orders" })
  local function write(name, plan, roles)
    local document = support.key(self.sb, "secret", { plan = plan, roles = roles })
    return self.dir:write(name, assert(core.json.encode(document)))
  end
  return write("flow.json"), write("api.json", "api", { "MonitoringDataRead" })
end

function under_test.open()
  local self = setmetatable({ cacert = env.cacert }, class)
  local flow, api = env.key, env.api_key
  if not under_test.real then flow, api = sandbox(self) end
  self.flow, self.api = one_of(self, flow), one_of(self, api)
  return self
end

return under_test
