-- cf.lua -- a client of the sandbox's Cloud Foundry API for specs, in plain requests: by the HTTP
-- client of ours, or by curl.
--   local cf = support.logon(sb)                       -- inside iflow.run; as the first user
--   local cf = support.logon(sb, { user = "anna", password = "…", via = "curl" })
--   local answer = cf:get "/v3/service_instances"      -- { status, headers, body (decoded), text }
--   local job, guid = cf:create_instance("orders", { roles = … })
local core = require "iflow.core"
local process = require "spec.support.process"

local support = {}

support.CLIENT = "Basic Y2Y6"
local FORM = "application/x-www-form-urlencoded"

local client = {}
client.__index = client

-- Ways to send ------------------------------------------------------------------------------------

local ways = {}

function ways.http(fields)
  local answer = assert(core.http.request {
    url = fields.url, method = fields.method, headers = fields.headers, body = fields.body,
    cacert = fields.cacert, proxy = "",
  })
  return answer.status, answer.headers, answer.body
end

-- The header file keeps the token out of the command line.
function ways.curl(fields)
  local dir <close> = process.tempdir()
  local lines = {}
  for name, value in pairs(fields.headers) do lines[#lines + 1] = name .. ": " .. value .. "\n" end
  local words = { "curl", "-sS", "--noproxy", "*", "--cacert", fields.cacert, "-X", fields.method,
                  "-D", dir:file "head", "-o", dir:file "body", "-w", "%{http_code}",
                  "-H", "@" .. dir:write("headers", table.concat(lines)) }
  if fields.body then
    table.move({ "--data-binary", "@" .. dir:write("data", fields.body) }, 1, 2, #words + 1, words)
  end
  words[#words + 1] = fields.url
  local result = process.run(words)
  assert(result.code == 0, result.err)
  local headers = {}
  for name, value in dir:read("head"):gmatch "\n([%w-]+): ([^\r\n]*)" do
    headers[name:lower()] = value
  end
  return math.tointeger(tonumber(result.out)), headers, dir:read "body" or ""
end

--- One request: method, path or url, and a body, which is sent as JSON when it is a table.
function client:request(method, path, body, headers)
  local fields = { method = method, cacert = self.cacert, headers = {},
                   url = path:find "^https:" and path or self.api .. path }
  if self.token then fields.headers.Authorization = "bearer " .. self.token end
  if type(body) == "table" then
    fields.headers["Content-Type"], body = "application/json", assert(core.json.encode(body))
  end
  for name, value in pairs(headers or {}) do fields.headers[name] = value end
  fields.body = body
  local status, got, text = ways[self.via](fields)
  return { status = status, headers = got, text = text, body = core.json.decode(text) }
end

function client:get(path) return self:request("GET", path) end
function client:post(path, body) return self:request("POST", path, body) end
function client:patch(path, body) return self:request("PATCH", path, body) end
function client:delete(path) return self:request("DELETE", path) end

--- Asks the UAA for a token with the fields of a form; the answer.
function client:ask_token(form, authorization)
  return self:request("POST", self.uaa .. "/oauth/token", form,
                      { ["Content-Type"] = FORM, Authorization = authorization or support.CLIENT })
end

-- Jobs --------------------------------------------------------------------------------------------

--- Polls the job that an answer names until it has ended: the job.
function client:finish(answer)
  assert(answer.status == 202, answer.text)
  return process.wait_for("the job", function()
    local job = self:get(answer.headers.location).body
    return job.state ~= "PROCESSING" and job.state ~= "POLLING" and job
  end)
end

local function guid_in(job)
  for name, link in pairs(job.links) do
    if name ~= "self" then return (link.href:match "[%x-]+$") end
  end
end

--- The guid of a plan.
function client:plan(name)
  local found = self:get("/v3/service_plans?service_offering_names=it-rt&names=" .. name).body
  return found.resources[1].guid
end

--- The body of a request for an instance.
function client:instance_body(name, parameters, plan)
  return { type = "managed", name = name, parameters = parameters, relationships = {
    space = { data = { guid = self.space } },
    service_plan = { data = { guid = self:plan(plan or "integration-flow") } } } }
end

--- Creates an instance: the job that has ended, and the guid of the instance.
function client:create_instance(name, parameters, plan)
  local job = self:finish(self:post("/v3/service_instances",
                                    self:instance_body(name, parameters, plan)))
  return job, guid_in(job)
end

function client.key_body(instance, name, parameters)
  return { type = "key", name = name, parameters = parameters,
           relationships = { service_instance = { data = { guid = instance } } } }
end

--- Creates a key: the job that has ended, and the guid of the key.
function client:create_key(instance, name, parameters)
  local job = self:finish(self:post("/v3/service_credential_bindings",
                                    client.key_body(instance, name, parameters)))
  return job, guid_in(job)
end

--- What a key holds: the document a user downloads.
function client:details(key)
  return self:get("/v3/service_credential_bindings/" .. key .. "/details").body.credentials
end

-- Logging on --------------------------------------------------------------------------------------

local kept -- the key that signs tokens: made once a process

local function with_signing_key(sb, ask)
  local path = sb.dir .. "/authority/cf-signing.key"
  if kept and not core.file.stat(path) then assert(core.file.write(path, kept, "0600")) end
  local answer = ask()
  kept = kept or core.file.read(path)
  return answer
end

--- A client without a token. over: via ("http", the default, or "curl").
function support.stranger(sb, over)
  local logon = assert(core.json.decode(core.file.read(sb.dir .. "/cf.json")))
  return setmetatable({ via = over and over.via or "http", api = sb.endpoints.cf,
                        uaa = sb.endpoints.cf_uaa, cacert = sb.endpoints.cacert,
                        space = logon.space_guid, logon = logon }, client)
end

--- A client with a token of over.user with over.password, or of the first user.
function support.logon(sb, over)
  over = over or {}
  local self = support.stranger(sb, over)
  local answer = with_signing_key(sb, function()
    return self:ask_token(("grant_type=password&username=%s&password=%s"):format(
      over.user or self.logon.user, over.password or self.logon.password))
  end)
  assert(answer.status == 200, answer.text)
  self.token, self.refresh_token = answer.body.access_token, answer.body.refresh_token
  return self
end

--- A client of a new user with that role in the space.
function support.as(sb, role)
  assert(sb:cf_user("add", role .. "-user", { password = "geheim", role = role }))
  return support.logon(sb, { user = role .. "-user", password = "geheim" })
end

--- The body of an error.
function support.errors(code, title, detail)
  return { errors = { { code = code, title = "CF-" .. title, detail = detail } } }
end

return support
