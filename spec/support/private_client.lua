-- private_client.lua -- the program that private_net.lua runs in its network: starts servers and
-- makes requests one after the other. Arguments: a JSON file with
--   servers  { { host =, port =, identity = { cert, key } | absent } }; each answers with its host
--   calls    options of http.request, of which each may have pause = seconds before it and
--            cancel = seconds after which it is cancelled
-- and the file for the list of results: { status, body, code, native, sent, retryable, took }.
local core = require "iflow.core"

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function start(wanted)
  local identity = wanted.identity
  return assert(core.server.new {
    host = wanted.host, port = wanted.port, tls = identity ~= nil,
    identity = identity and assert(core.identity.open(identity)),
    request = function(req) req:answer(200, nil, wanted.host) end,
  })
end

local function call(options)
  local began = core.task.monotonic()
  local cancel = options.cancel
  options.cancel = nil
  local answer, err
  local task = core.task.spawn(function() answer, err = core.http.request(options) end)
  if cancel then
    core.task.sleep(cancel)
    task:cancel()
  end
  local ended, failure = task:join()
  if not answer and not err and not ended then err = failure end
  err = err or {}
  return {
    status = answer and answer.status, body = answer and answer.body, code = err.code,
    message = err.message, hint = err.hint, sent = err.sent, retryable = err.retryable,
    took = core.task.monotonic() - began, in_flight = core.http.stats().in_flight,
  }
end

core.task.run(function()
  local job = assert(core.json.decode(read(arg[1])))
  local servers, results = {}, {}
  for i, wanted in ipairs(job.servers) do servers[i] = start(wanted) end
  for i, options in ipairs(job.calls) do results[i] = call(options) end
  core.http.drop_idle()
  for _, server in ipairs(servers) do server:close(0) end
  local file <close> = assert(io.open(arg[2], "wb"))
  file:write(assert(core.json.encode(core.json.array(results))))
end)
