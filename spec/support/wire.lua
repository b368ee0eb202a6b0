-- wire.lua -- a server that plays scripts of steps, byte by byte (wire.py lists the steps).
--   local server <close> = wire.start { { { "head" }, { "send", wire.answer "hello" } } }
--   local server <close> = wire.start({ script, … }, { tls = { cert = path, key = path } })
--   server.port, server.url
--   server:connections(n)   waits until n have ended: { { read =, failed =, resumed =, … } }
local core = require "iflow.core"
local process = require "spec.support.process"

local wire = {}

--- Bytes as the UTF-8 of the code points of the same number: JSON carries no bytes.
local function latin1(value)
  if type(value) == "string" then
    return (value:gsub("[\128-\255]", function(c) return utf8.char(c:byte()) end))
  elseif type(value) == "table" then
    local copy = {}
    for k, v in pairs(value) do copy[k] = latin1(v) end
    return copy
  end
  return value
end

local server = {}
server.__index = server

local function report(line)
  local one = assert(core.json.decode(line))
  one.read = core.crypto.unbase64(one.read or "")
  return one
end

-- Looked for plainly: a pattern would take hours over a long line that is still being written.
function server:lines()
  local text, lines, from = self.helper.dir:read "out" or "", {}, 1
  local to = text:find("\n", from, true)
  while to do
    lines[#lines + 1] = text:sub(from, to - 1)
    from = to + 1
    to = text:find("\n", from, true)
  end
  return lines
end

function server:connections(n)
  process.wait_for(n .. " connections to end", function() return #self:lines() > n end)
  local lines, list = self:lines(), {}
  for i = 2, #lines do list[i - 1] = report(lines[i]) end
  table.sort(list, function(a, b) return a.connection < b.connection end)
  return list
end

--- Creates the file that a step { "wait", path } waits for.
function server:signal(name) self.dir:write(name, "") end

function server:stop()
  self.helper:stop()
  self.dir:close()
end
server.__close = server.stop

--- Starts it. A function instead of a list of scripts gets the directory for { "wait", … } files.
--- options: tls (see wire.py; paths), host.
function wire.start(connections, options)
  options = options or {}
  local dir = process.tempdir()
  if type(connections) == "function" then connections = connections(dir) end
  local job = { connections = latin1(connections), tls = options.tls, host = options.host }
  dir:write("job.json", assert(core.json.encode(job)))
  local helper = process.start { "python3", "spec/support/wire.py", dir:file "job.json" }
  local self = setmetatable({ helper = helper, dir = dir }, server)
  process.wait_for("the wire server", function()
    if not helper:alive() then error("the wire server ended: " .. helper:output(), 0) end
    return #self:lines() > 0
  end)
  self.port = tonumber(self:lines()[1])
  local host = options.host and "[" .. options.host .. "]" or "127.0.0.1"
  if options.tls then host = "localhost" end
  self.url = ("%s://%s:%d/"):format(options.tls and "https" or "http", host, self.port)
  return self
end

--- An answer with a length. fields: further header lines, each with its CR LF.
function wire.answer(body, fields, status)
  return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s"):format(status or "200 OK", #body,
    fields or "", body)
end

--- A body in chunks of the given size.
function wire.chunked(body, size, trailers)
  local parts = {}
  for at = 1, #body, size or #body do
    local piece = body:sub(at, at + (size or #body) - 1)
    parts[#parts + 1] = ("%x\r\n%s\r\n"):format(#piece, piece)
  end
  return table.concat(parts) .. "0\r\n" .. (trailers or "") .. "\r\n"
end

return wire
