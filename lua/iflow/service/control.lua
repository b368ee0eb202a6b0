--- The control endpoint of a running service: whether it is ready, and its outbox for the commands,
-- since no other process can open it meanwhile. HTTP on loopback.
--
--   local control = assert(new_control { service = service, outbox = "orders.db" })
--   control:address()      "127.0.0.1:PORT"
--   control:stopping()     from here on not ready; the outbox answers nobody
--   control:close()
--
--   GET /live              200 while the process runs
--   GET /ready             200 or 503, and why; both with JSON and without a token
--   GET /metrics           what was counted, for Prometheus; without a token (exposition.lua)
--   POST /outbox           { method, args } with the token: what the outbox answers (client.lua)
--
-- Beside the database lies OUTBOX-control, readable for its owner only: { address, token, pid }.
-- Web pages that somebody on this machine looks at are kept out: requests with the header Origin,
-- or with a Host that is not loopback, are refused.

local core = require "iflow.core"
local errors = require "iflow.error"
local new_exposition = require "iflow.service.exposition"
local wire = require "iflow.service.wire"

local json = core.json

local BODY_MAX = 4 * 1024 * 1024 -- of a request; larger bodies of messages come as files
local PAGE = 8 * 1024 * 1024 -- bytes of bodies in one answer, about
local PAGE_MAX = 100 -- messages; what describes one may be 256 KiB
local CONNECTIONS = 64
local GRACE = 5 -- seconds for answers under way when it is closed

local control = { __name = "iflow.control" }
control.__index = control

-- What the outbox is asked ----------------------------------------------------------------------

-- How many of the messages have room in one answer, at least one.
local function page_of(messages)
  local size = 0
  for i, msg in ipairs(messages) do
    size = size + msg.size
    if size > PAGE then return math.max(i - 1, 1) end
  end
  return #messages
end

-- Bodies in files are named from wherever the commands run.
local function absolute(msg)
  if type(msg.body) == "table" then
    msg.body.file = core.file.absolute(msg.body.file) or msg.body.file
  end
  return msg
end

local methods = {}

-- The client asks for the next page when `more` says that this one may not be all it wants.
function methods.list(box, filter)
  filter = filter or {}
  local bodies, wanted = filter.bodies, filter.limit or PAGE_MAX
  filter.bodies, filter.limit = nil, math.min(wanted, PAGE_MAX)
  local messages, err = box:list(filter)
  if not messages then return nil, err end
  local more = #messages == filter.limit and wanted > filter.limit
  if not bodies or #messages == 0 then return messages, nil, more end
  local found = #messages
  filter.bodies, filter.limit = true, page_of(messages)
  messages, err = box:list(filter)
  if not messages then return nil, err end
  for _, msg in ipairs(messages) do absolute(msg) end
  return messages, nil, more or filter.limit < found
end

function methods.show(box, number)
  local msg, err = box:show(number)
  return msg and absolute(msg), err
end

function methods.requeue(box, what, outcome)
  if type(outcome) == "table" and type(outcome.error) == "table" then
    outcome.error = errors.wrap(outcome.error, "outbox.failed")
  end
  return box:requeue(what, outcome)
end

for _, name in ipairs { "drop", "stats", "counts" } do
  methods[name] = function(box, ...) return box[name](box, ...) end
end

-- Messages that may be sent now: their senders look again.
local function wake_senders(service)
  for _, name in ipairs(service.registry.names) do service:wake(name) end
end

local function failure(err) return { error = wire.pack_error(err) } end

-- The answer to one request of a client: status, value.
local function ask(self, text)
  local asked = json.decode(text)
  local method = type(asked) == "table" and methods[asked.method]
  if not method then return 400, failure { code = "usage.invalid", message = "unknown request" } end
  local args = wire.unpack(type(asked.args) == "table" and asked.args or {})
  for i = 1, 2 do if args[i] == json.null then args[i] = nil end end
  local ok, value, err, more = pcall(method, self.service.box, args[1], args[2])
  if not ok then
    if errors.is(value) then error(value, 0) end -- cancelled
    return 400, { raised = tostring(value) }
  elseif err then
    return 200, failure(err)
  end
  if asked.method == "requeue" then wake_senders(self.service) end
  return 200, { result = wire.pack(value), more = more }
end

-- Who may ask -----------------------------------------------------------------------------------

local loopback = { localhost = true, ["[::1]"] = true }

local function is_loopback(host)
  local name = (host or ""):lower():gsub(":%d+$", "")
  return loopback[name] or name:find "^127%.%d+%.%d+%.%d+$" ~= nil
end

local function has_token(self, headers)
  local given = (headers.authorization or ""):match "^[Bb]earer +(%S+)$"
  return given ~= nil and core.secret.new(given) == self.token -- in constant time
end

-- HTTP ------------------------------------------------------------------------------------------

-- A status may name files, whose names need not be UTF-8.
local function legible(value)
  if type(value) == "string" then return (value:gsub("[\x80-\xff]", "?")) end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do copy[legible(key)] = legible(item) end
  return #copy > 0 and json.array(copy) or copy
end

local function answer(req, status, value)
  local options = { sort = true }
  local text = json.encode(value, options) or assert(json.encode(legible(value), options))
  req:answer(status, { ["Content-Type"] = "application/json", ["Cache-Control"] = "no-store" },
    text .. "\n")
end

local function refuse(req, status, code, message)
  answer(req, status, failure { code = code, message = message })
end

local function readiness(self)
  local status, err = self.service:status()
  if not status then status = { ready = false, why = { err.message } } end
  local why = table.move(status.why or {}, 1, #(status.why or {}), 1, {})
  if self.ends then why[#why + 1] = "the service is stopping" end
  local shown = { ready = status.ready == true and not self.ends, why = json.array(why),
    senders = json.object(status.senders or {}), triggers = json.array(status.triggers or {}),
    outbox = status.outbox, reload = status.reload }
  return shown.ready and 200 or 503, shown
end

local pages = {}

pages["/live"] = function() return 200, { live = true, pid = core.process.pid() } end
pages["/ready"] = readiness

local function expose(self, req)
  req:answer(200, { ["Content-Type"] = new_exposition.TYPE, ["Cache-Control"] = "no-store" },
    self.exposition:text())
end

local function operate(self, req)
  if not has_token(self, req.headers) then
    return refuse(req, 401, "usage.invalid", "the token is missing or wrong")
  end
  local text, err = req:body(BODY_MAX)
  if not text then
    if err.code == "limit.exceeded" then
      refuse(req, 413, err.code, "the request is too large")
    end
    return
  end
  if self.ends then
    return answer(req, 503, failure { code = "outbox.locked", retryable = true,
      message = "the service that holds the outbox is stopping" })
  end
  answer(req, ask(self, text))
end

local function handle(self, req)
  if req.headers.origin then
    return refuse(req, 403, "usage.invalid", "requests of web pages are refused")
  elseif not is_loopback(req.headers.host) then
    return refuse(req, 403, "usage.invalid", "the Host must be a loopback address")
  end
  local path = req.target:match "^[^?]*"
  if pages[path] or path == "/metrics" then
    if req.method ~= "GET" and req.method ~= "HEAD" then
      return refuse(req, 405, "usage.invalid", "only GET is possible here")
    end
    if path == "/metrics" then return expose(self, req) end
    return answer(req, pages[path](self))
  elseif path == "/outbox" then
    if req.method ~= "POST" then
      return refuse(req, 405, "usage.invalid", "only POST is possible here")
    end
    return operate(self, req)
  end
  refuse(req, 404, "usage.invalid", "there is /live, /ready, /metrics and /outbox")
end

-- Life ------------------------------------------------------------------------------------------

--- HOST:PORT of "127.0.0.1:9000", "localhost:0", "[::1]:9000" or "9000": host, port; nil, what is
-- wrong.
function control.parse(text)
  local host, port = text:match "^(.*):(%d+)$"
  if text:find "^%d+$" then host, port = "127.0.0.1", text end
  port = math.tointeger(tonumber(port))
  if not port or port > 65535 then return nil, "is not HOST:PORT" end
  if not is_loopback(host) then return nil, "is not a loopback address, such as 127.0.0.1:9000" end
  if host:lower() == "localhost" then host = "127.0.0.1" end
  return host:match "^%[(.*)%]$" or host, port
end

local function address_of(host, port)
  return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

-- What a service left behind that was killed while it wrote the file; the outbox is ours, so nobody
-- else writes it now.
local function remove_torn(path)
  local dir, name = path:match "^(.*/)([^/]*)$"
  dir, name = dir or "./", name or path
  for _, other in ipairs(core.file.list(dir) or {}) do
    if #other == #name + 7 and other:sub(1, #name + 1) == name .. "." then
      core.file.remove(dir .. other)
    end
  end
end

--- options: service (an iflow.service), outbox (the path of its database), host ("127.0.0.1"), port
-- (0: a free one). Returns it when it answers, nil, err when it cannot listen or write its file.
local function new(_, options)
  local self = setmetatable({ service = options.service, path = options.outbox .. "-control",
    host = options.host or "127.0.0.1" }, control)
  local token = core.crypto.base64url(core.crypto.random(32))
  self.token = core.secret.new(token)
  local err
  self.server, err = core.server.new { host = self.host, port = options.port or 0,
    max_connections = CONNECTIONS, request = function(req) return handle(self, req) end }
  if not self.server then return nil, err end
  self.exposition = new_exposition(self.service)
  remove_torn(self.path)
  local ok
  local text = json.encode { address = self:address(), token = token, pid = core.process.pid() }
  ok, err = core.file.write(self.path, text .. "\n", "0600")
  if not ok and self.service.box:spare() then -- a full disk must not keep operators out
    ok, err = core.file.write(self.path, text .. "\n", "0600")
  end
  if ok then return self end
  self.exposition:close()
  self.server:close(0)
  return nil, err
end

--- "127.0.0.1:PORT".
function control:address() return address_of(self.host, self.server:port()) end

--- From here on /ready answers 503, and the outbox nobody. May be repeated.
function control:stopping()
  if self.ends then return end
  self.ends = true
  core.file.remove(self.path)
end

--- Ends it; waits for answers under way. May be repeated.
function control:close()
  self:stopping()
  self.server:close(GRACE)
  self.exposition:close()
end

--- Ends it without waiting.
function control:abort()
  self:stopping()
  self.exposition:close()
  self.server:close(0)
end

return setmetatable(control, { __call = new })
