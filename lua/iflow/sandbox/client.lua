--- Speaks to a running sandbox over its admin path, with the same methods as the object that
--- sandbox.start returns. What the commands `iflow sandbox …` use.
---   local sb = assert(client.open "DIR")
---   sb:create_instance { name = "orders" }
local core = require "iflow.core"
local errors = require "iflow.error"
local operations = require "iflow.sandbox.operations"

local client = {}

local TIMEOUT = 60 -- seconds: a 4096-bit key may take some

--- The error for a directory in which no sandbox runs.
function client.not_running(dir)
  return errors { code = "sandbox.not_running",
    message = ("no sandbox is running in '%s'"):format(dir),
    hint = ("start it with: iflow sandbox start --dir %s --detach"):format(dir) }
end

local methods = {}

local function post(self, name, args)
  return core.http.request {
    url = ("%s/sandbox/%s"):format(self.endpoints.api, name), method = "POST",
    headers = { Authorization = "Bearer " .. self.token, ["Content-Type"] = "application/json" },
    body = assert(core.json.encode { args = core.json.array(args) }),
    cacert = self.endpoints.cacert, proxy = "", timeout = TIMEOUT,
  }
end

--- Runs an operation there. nil, err when it fails or nobody answers.
function methods:call(name, ...)
  local answer, err = post(self, name, { ... })
  if not answer then
    if err.code == "net.connect" then err = client.not_running(self.dir) end
    return nil, err
  end
  local value = core.json.decode(answer.body)
  if type(value) ~= "table" then
    return nil, errors { code = "sandbox.failed", status = answer.status,
      message = ("the sandbox in '%s' answered %d"):format(self.dir, answer.status) }
  end
  if value.error then
    return nil, errors { code = value.error.code, message = value.error.message,
                         hint = value.error.hint }
  end
  return value.result
end

--- Deploys a file: its text travels, since the sandbox may run elsewhere.
function methods:deploy(path)
  local source, err = core.file.read(path)
  if not source then return nil, err end
  return self:call("deploy", { source = source, file = path:match("[^/]+$") })
end

local class = { __name = "iflow.sandbox_client" }

function class.__index(_, name)
  if methods[name] then return methods[name] end
  if not operations.find(name) then return nil end
  return function(self, ...) return self:call(name, ...) end
end

--- Opens the sandbox that runs in dir. nil, err when none does.
function client.open(dir)
  local text = core.file.read(dir .. "/endpoints.json")
  local secret = core.file.read(dir .. "/admin.token", 4096)
  local endpoints = text and core.json.decode(text)
  if not secret or type(endpoints) ~= "table" then return nil, client.not_running(dir) end
  endpoints.cacert = dir .. "/ca.pem" -- whatever the directory was called there
  return setmetatable({ dir = dir, endpoints = endpoints, token = secret:match("^%S+") }, class)
end

return client
