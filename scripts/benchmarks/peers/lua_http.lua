-- lua_http.lua -- lua-http on cqueues: lua_http.lua PORT COUNT WIDTH sends COUNT messages over
-- WIDTH kept connections. CACERT, BODY and TOKEN name files. Any Lua from 5.1 on.
local client = require "http.client"
local cqueues = require "cqueues"
local new_headers = require("http.headers").new
local tls = require "http.tls"
local store = require "openssl.x509.store"

local port, count, width = tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3])

local function read(name)
  local file = assert(io.open(os.getenv(name), "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local body, token = read "BODY", "Bearer " .. read "TOKEN"
local context = tls.new_client_context()
local roots = store.new()
roots:add(os.getenv "CACERT")
context:setStore(roots)

local function post(connection)
  local headers = new_headers()
  headers:append(":method", "POST")
  headers:append(":scheme", "https")
  headers:append(":authority", "localhost:" .. port)
  headers:append(":path", "/http/orders")
  headers:append("authorization", token)
  headers:append("content-type", "application/json")
  headers:append("accept", "application/json")
  headers:append("sap_applicationid", "01890a5d-ac96-774b-bcce-b302099a8057")
  headers:append("content-length", tostring(#body))
  local stream = assert(connection:new_stream())
  assert(stream:write_headers(headers, false))
  assert(stream:write_chunk(body, true))
  assert(assert(stream:get_headers()):get ":status" == "200")
  assert(stream:get_body_as_string())
end

local queue, sent = cqueues.new(), 0
for _ = 1, width do
  queue:wrap(function()
    local connection = assert(client.connect { host = "127.0.0.1", port = port, tls = true,
      ctx = context, sendname = "localhost", version = 1.1 })
    while sent < count do
      sent = sent + 1
      post(connection)
    end
    connection:close()
  end)
end
assert(queue:loop())
