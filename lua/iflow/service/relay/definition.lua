--- The options of a relay: checked when it is defined, at the line that defines it. Internal; what
-- they mean stands in lua/iflow/relay.lua.

local duration = require "iflow.duration"
local options = require "iflow.options"

local definition = {}

local MIB = 1024 * 1024
local WAIT, WAIT_MAX = 60, 3600

local known = {
  listen       = { "string", "integer", default = "127.0.0.1:8080" },
  path         = { "string", needed = true, text = 'a path, such as "/orders", without %-escapes',
                   fine = function(path) return path:find "^/[^?#%%%s%c]*$" end },
  sender       = { "string", "function", needed = true,
                   text = "the name of a sender or a function of the request" },
  name         = { "string", text = "a name of 1 to 200 bytes",
                   fine = function(name) return #name > 0 and #name <= 200 end },
  wait         = { "boolean", "string", "number", default = false, text = 'true, false or a time' },
  headers      = { "table", default = { "SAP_*", "X-Correlation-ID" } },
  query        = { "table", default = {} },
  max_body     = options.integer(1, 1 << 40, 10 * MIB),
  api_key_file = { "string", "table", text = "a path or a list of paths" },
  cert = { "string" }, key = { "string" }, pass_file = { "string" }, client_ca = { "string" },
  subjects     = options.texts(),
  origins      = { "table", default = {} },
  hosts        = { "table", default = {} },
  concurrency  = options.integer(1, 10000, 256),
  rate         = { "number", text = "a number of requests a second, greater than 0",
                   fine = function(n) return n > 0 and n < math.huge end },
  max_connections = options.integer(1, 100000),
  head_timeout = { "string", "number" }, body_gap = { "string", "number" },
  idle_timeout = { "string", "number" }, total_timeout = { "string", "number" },
}

-- What belongs to the address and not to one path.
local shared = { "cert", "key", "pass_file", "client_ca", "max_connections", "head_timeout",
  "body_gap", "idle_timeout", "total_timeout" }
local times = { "head_timeout", "body_gap", "idle_timeout", "total_timeout" }

-- Addresses -----------------------------------------------------------------------------------

local function is_ipv4(text)
  local parts = { text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }
  for _, part in ipairs(parts) do
    if #part > 3 or tonumber(part) > 255 then return false end
  end
  return #parts == 4
end

--- { host =, port =, text =, loopback =, any = it stands for all addresses } of "HOST:PORT",
-- "[HOST]:PORT" or a port; nil when it is none.
function definition.address(listen)
  if math.type(listen) == "integer" then listen = "127.0.0.1:" .. listen end
  local host, port = listen:match "^%[([%x:.]+)%]:(%d+)$"
  if not host then
    host, port = listen:match "^([%w.]+):(%d+)$"
    if host == "localhost" then host = "127.0.0.1" end
    if not host or not is_ipv4(host) then return nil end
  end
  port = tonumber(port)
  if port > 65535 then return nil end
  local shown = host:find(":", 1, true) and "[" .. host .. "]" or host
  return { host = host, port = port, text = shown .. ":" .. port,
    loopback = host:find "^127%." ~= nil or host == "::1", any = host == "0.0.0.0" or host == "::" }
end

-- Lists and tables ----------------------------------------------------------------------------

local function check_texts(list, name, level)
  for key, value in pairs(list) do
    if math.type(key) ~= "integer" or type(value) ~= "string" or value == "" then
      error(("option '%s' must be a list of texts"):format(name), level + 1)
    end
  end
end

local function check_lists(o, level)
  if type(o.api_key_file) == "string" then o.api_key_file = { o.api_key_file } end
  for _, name in ipairs { "headers", "origins", "hosts", "api_key_file", "subjects" } do
    if o[name] then check_texts(o[name], name, level + 1) end
  end
  if o.api_key_file and #o.api_key_file == 0 then
    error("option 'api_key_file' names no file", level + 1)
  end
  for _, origin in ipairs(o.origins) do
    if not origin:find "^%a[%w+.-]*://[^/%s]+$" then
      error(('option \'origins\': "%s" is no origin; one is "https://intranet.example"')
        :format(origin), level + 1)
    end
  end
  for parameter, header in pairs(o.query) do
    if type(parameter) ~= "string" or type(header) ~= "string" or not header:find "^[%w_-]+$" then
      error('option \'query\' is a table, parameter = "Header"', level + 1)
    end
  end
end

-- Security ------------------------------------------------------------------------------------

-- The options of the address: from its first relay, when there is one.
local function share(o, given, earlier, level)
  local first
  for _, other in ipairs(earlier) do
    if other.options.address.text == o.address.text then
      first = first or other
      if other.options.path == o.path then
        error(("the path %s of %s is taken by the relay at %s"):format(o.path, o.address.text,
          other.place), level + 1)
      end
    end
  end
  for _, name in ipairs(first and shared or {}) do
    if given[name] ~= nil and o[name] ~= first.options[name] then
      error(("option '%s' belongs to the address %s: set it at its first relay, at %s"):format(
        name, o.address.text, first.place), level + 1)
    end
    o[name] = first.options[name]
  end
end

local function check_security(o, level)
  if o.key and not o.cert then error("option 'key' needs 'cert'", level + 1) end
  if o.pass_file and not o.cert then error("option 'pass_file' needs 'cert'", level + 1) end
  if o.client_ca and not o.cert then
    error("option 'client_ca' needs 'cert': only HTTPS knows client certificates", level + 1)
  end
  if o.subjects and not o.client_ca then error("option 'subjects' needs 'client_ca'", level + 1) end
  if o.address.loopback then return end
  if not o.cert then
    error(("other machines can reach %s: set 'cert' and 'key', so that it speaks HTTPS, or listen "
      .. "on 127.0.0.1"):format(o.address.text), level + 1)
  elseif not o.api_key_file and not o.client_ca then
    error(("other machines can reach %s: set 'api_key_file' or 'client_ca', so that not everybody "
      .. "may send"):format(o.address.text), level + 1)
  end
end

local function check_times(o, level)
  for _, name in ipairs(times) do
    if o[name] then o[name] = duration.check(o[name], name, level + 1) end
  end
end

local function check_wait(o, level)
  if not o.wait then return end
  o.wait = o.wait == true and WAIT or duration.check(o.wait, "wait", level + 1)
  if o.wait <= 0 or o.wait > WAIT_MAX then
    error("option 'wait' is longer than 0 and at most " .. duration.text(WAIT_MAX), level + 1)
  end
  if o.wait >= (o.total_timeout or math.huge) then
    error("option 'wait' must be less than 'total_timeout'", level + 1)
  end
end

--- The checked options; raises `level` above the caller. earlier: the relays defined before.
-- What is added: address (see above); times are in seconds, wait is false or seconds.
function definition.check(given, earlier, level)
  if type(given) ~= "table" then
    error('a relay is defined by a table: iflow.relay { path = "/orders", sender = "orders" }',
      level + 1)
  end
  local o = options.check(given, known, level + 1)
  o.address = definition.address(o.listen)
  if not o.address then
    error(('option \'listen\': "%s" is no address and port, such as "127.0.0.1:8080"'):format(
      o.listen), level + 1)
  end
  check_lists(o, level + 1)
  check_times(o, level + 1)
  share(o, given, earlier, level + 1)
  check_wait(o, level + 1)
  check_security(o, level + 1)
  o.name = o.name or o.address.text .. o.path
  return o
end

return definition
