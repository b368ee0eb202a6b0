-- servers.lua -- the corpus of requests through our server, nginx and Node. What a server makes of
-- a case is a list of the requests that it saw on the connection: { method =, target =, body =,
-- headers = }; "after" for the one behind the case; "refused" when it said so, or nothing at all;
-- "no head" when it answered as HTTP/0.9 does.
local core = require "iflow.core"
local process = require "spec.support.process"
local requests = require "spec.support.differential.requests"

local servers = {}

local function hex(text)
  return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function unhex(text)
  return (text:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function shortened(text) return #text > 100 and #text .. " bytes" or text end

--- What echo.js says of the same request.
local function seen(req, body)
  local list = {}
  for _, field in ipairs(req.headers.raw) do
    if #list < 4 and field[1]:find "^[xX]" and #field[1] < 100 then
      list[#list + 1] = field[1]:lower() .. "=" .. shortened(field[2])
    end
  end
  return ("%s.%s.%s.%s."):format(hex(req.method), hex(shortened(req.target)), hex(body),
    hex(table.concat(list, "\n")))
end

local function echo(req)
  local body = req:body(1 << 20)
  if body then req:answer(200, { ["X-Seen"] = seen(req, body) }, "ok") end
end

local function program(...)
  local helper = process.start { ... }
  local port = process.wait_for(helper.name, function()
    if not helper:alive() then error("it ended: " .. helper:output(), 0) end
    return (helper.dir:read "out" or ""):match "^(%d+)\n"
  end)
  return helper, tonumber(port)
end

local function start_nginx(dir, upstream)
  local port = process.free_port()
  local values = { dir = dir.path, port = port, upstream = upstream }
  local conf = assert(process.read "spec/support/differential/nginx.conf")
  local helper = process.start { "nginx", "-p", dir.path, "-e", "stderr", "-c",
    dir:write("nginx.conf", (conf:gsub("%$([%l]+)%f[^%l_]", values))) }
  process.wait_port(port, helper)
  return helper, port
end

--- Our server alone.
function servers.own() return assert(core.server.new { tls = false, request = echo }) end

--- Starts all three: { iflow = port, node = port, nginx = port }. Inside iflow.run.
function servers.start()
  local dir = process.tempdir()
  local own = servers.own()
  local node, node_port = program("node", "spec/support/differential/echo.js")
  local upstream, upstream_port = program("python3", "spec/support/differential/upstream.py")
  local nginx, nginx_port = start_nginx(dir, upstream_port)
  local function stop()
    own:close()
    for _, helper in ipairs { nginx, upstream, node } do helper:stop() end
    dir:close()
  end
  return setmetatable({ iflow = own:port(), node = node_port, nginx = nginx_port },
    { __close = stop })
end

local function request_of(text)
  local method, target, body, fields = text:match "^(%x*)%.(%x*)%.(%x*)%.(%x*)%.$"
  assert(method, text)
  if unhex(target) == "/after" then return "after" end
  return { method = unhex(method), target = unhex(target), body = unhex(body),
           headers = unhex(fields) }
end

--- The requests that a server saw, from its answers.
local function read(bytes)
  local list = {}
  while true do
    local head = bytes:match "^HTTP/1%.1 %d%d%d.-\r\n\r\n"
    if not head then
      if bytes ~= "" then list[#list + 1] = "no head" end -- HTTP/0.9 has none
      return list
    end
    local status = head:sub(10, 12)
    local text = head:match "\r\n[Xx]%-[Ss]een: (%S+)\r\n"
    bytes = bytes:sub(#head + 1)
    if text then
      list[#list + 1] = request_of(text)
      if list[#list].method ~= "HEAD" then bytes = bytes:sub(3) end
    elseif status:sub(1, 1) ~= "1" then
      list[#list + 1] = "refused"
      return list, status
    end
  end
end

--- All cases through the server at a port; the statuses of refusals come as a second list. way:
--- "drip" for single bytes.
function servers.ask(cases, port, way)
  local dir <close> = process.tempdir()
  local list = {}
  for i, case in ipairs(cases) do
    local bytes = case.bytes .. (case.alone and "" or requests.AFTER)
    list[i] = { bytes = core.crypto.base64(bytes) }
  end
  local run = process.run { "python3", "spec/support/differential/ask.py", tostring(port),
    dir:write("cases", assert(core.json.encode(list))), way or "whole", timeout = 300 }
  assert(run.code == 0, run.err)
  local results, statuses = {}, {}
  for i, text in ipairs(assert(core.json.decode(run.out))) do
    local bytes = core.crypto.unbase64(text)
    results[i], statuses[i] = read(bytes)
    if #results[i] == 0 then results[i][1] = "refused" end
  end
  return results, statuses
end

local function same_request(a, b)
  if type(a) == "string" or type(b) == "string" then return a == b end
  return a.method == b.method and a.target == b.target and a.body == b.body and
    a.headers == b.headers
end

--- How two results differ, in words; nil when they do not.
function servers.difference(ours, theirs)
  if ours[1] == "refused" or theirs[1] == "refused" then
    if ours[1] == theirs[1] then return nil end
    return ours[1] == "refused" and "we refuse" or "they refuse"
  end
  for i = 1, math.max(#ours, #theirs) do
    if not ours[i] then return i > 1 and "we stop" or "we see none" end
    if not theirs[i] then return i > 1 and "they stop" or "they see none" end
    if not same_request(ours[i], theirs[i]) then
      return i == 1 and "another request" or "another one follows"
    end
  end
end

return servers
