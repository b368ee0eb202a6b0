-- The client against openssl s_server -HTTP: TLS as OpenSSL does it, answers from files that are
-- sent as they are, and the connection ends behind each without a word.
local process = require "spec.support.process"
local world = require "spec.support.world"

local CHUNKED = "Transfer-Encoding: chunked\r\n"

local function head(fields, status)
  return ("HTTP/1.1 %s\r\n%s\r\n"):format(status or "200 OK", fields or "")
end

local function length(n) return ("Content-Length: %d\r\n"):format(n) end

local function chunks(text)
  local parts = {}
  for at = 1, #text, 1000 do
    local piece = text:sub(at, at + 999)
    parts[#parts + 1] = ("%x\r\n%s\r\n"):format(#piece, piece)
  end
  return table.concat(parts) .. "0\r\n"
end

--- The text as python3 packs it.
local function packed(root, expression)
  local file = root.dir:file "packed"
  local result = process.run {
    "python3", "-c", ("import gzip, sys, zlib\ndata = open(sys.argv[1], 'rb').read()\n" ..
      "open(sys.argv[2], 'wb').write(%s)"):format(expression), root.dir:file "www/text", file,
  }
  assert(result.code == 0, result.err)
  return root.dir:read "packed"
end

local function coded(coding, bytes)
  return head(("Content-Encoding: %s\r\n"):format(coding) .. length(#bytes)) .. bytes
end

local function many()
  local lines = {}
  for i = 1, 66 do lines[i] = ("X-%d: %s\r\n"):format(i, ("%d"):format(i % 10):rep(1000)) end
  return table.concat(lines)
end

local function write_answers(root)
  local text = root.text
  local plain = length(#text)
  local files = {
    length = head(plain) .. text,
    chunked = head(CHUNKED) .. chunks(text) .. "\r\n",
    trailers = head(CHUNKED) .. chunks(text) .. "X-Checksum: none\r\n\r\n",
    extensions = head(CHUNKED .. "X-A: 1\r\n") ..
      "5;a=b;c=\"d;e\"\r\nhello\r\n6 ; ext\r\n world\r\n0;last\r\nX-Trailer: late\r\n\r\n",
    ["until-close"] = head() .. text,
    empty = head("", "204 No Content"),
    interim = head("", "100 Continue") .. head("Link: x\r\n", "103 Early Hints") .. head(plain) ..
      text,
    old = ("HTTP/1.0 200 OK\r\n%s\r\n"):format(plain) .. text,
    close = head(plain .. "Connection: close\r\n") .. text,
    gzip = coded("gzip", packed(root, "gzip.compress(data)")),
    deflate = coded("deflate", packed(root, "zlib.compress(data)")),
    ["raw-deflate"] = coded("deflate",
      packed(root, "(lambda c: c.compress(data) + c.flush())(zlib.compressobj(wbits=-15))")),
    headers = head(plain .. many()) .. text,
    ["large-head"] = head(length(world.BIG)),
  }
  for name, answer in pairs(files) do root.dir:write("www/" .. name, answer) end
  assert(os.execute(("cd %s/www && cat large-head big >large"):format(root.dir.path)))
end

for _, version in ipairs { "-tls1_2", "-tls1_3" } do
  world.describe("openssl s_server " .. version, {
    start = function(root)
      write_answers(root)
      local ports = world.ports { "main" }
      local helper = process.start {
        "openssl", "s_server", "-HTTP", "-quiet", version, "-accept", "127.0.0.1:" .. ports.main,
        "-cert", root.server.cert, "-key", root.server.key, dir = root.dir:file "www",
      }
      process.wait_port(ports.main, helper)
      return { ports = ports, helpers = { helper }, closes = true }
    end,
    can = {
      length = "/length", chunked = "/chunked", trailers = "/trailers",
      extensions = "/extensions", until_close = "/until-close", empty = "/empty",
      interim = "/interim", gzip = "/gzip", deflate = "/deflate", raw_deflate = "/raw-deflate",
      headers = "/headers", old = "/old", close = "/close", close_unsaid = "/length",
      large = { down = "/large" },
    },
    cannot = {
      cut = "it says close_notify",
      head = "it knows GET alone",
      not_modified = "it looks at nothing but the path",
      split = "it sends a file in pieces of its own choice",
      drip = "it sends a file in pieces of its own choice",
      slow = "it sends a file at once",
      keep_alive = "it closes behind every answer",
      parallel = "it serves one connection after the other",
      limit = "it closes behind every answer",
      announced = "it closes behind every answer",
      idle_close = "it closes behind every answer",
      upload = "it knows GET alone",
      continue = "it knows GET alone",
      continue_refused = "it knows GET alone",
      expectation_failed = "it knows GET alone",
      continue_ignored = "it knows GET alone",
      early = "it knows GET alone",
      early_success = "it knows GET alone",
      early_success_cut = "it knows GET alone",
      large_head = "it takes heads of any size",
    },
  })
end
