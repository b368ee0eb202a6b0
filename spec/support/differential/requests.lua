-- requests.lua -- the corpus of requests: a list of { name, bytes =, alone = }. Behind the bytes
-- comes requests.AFTER, which shows where the server takes the message to end, and whether it goes
-- on; not so when alone.
local variants = require "spec.support.differential.variants"

local quoted = variants.quoted

local requests = {}

requests.AFTER = "GET /after HTTP/1.1\r\nHost: a\r\n\r\n"

local GET = "GET / HTTP/1.1\r\n"
local POST = "POST / HTTP/1.1\r\n"
local HOST = "Host: a\r\n"
local FIVE = "Content-Length: 5\r\n"
local BODY = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"

local cases

local function add(group, name, bytes, options)
  local case = { name = group .. ": " .. name, bytes = bytes }
  for key, value in pairs(options or {}) do case[key] = value end
  cases[#cases + 1] = case
end

local function each(group, list, make)
  for _, variant in ipairs(list) do add(group, variant[1], make(variant[2], variant)) end
end

local function first_lines()
  for _, method in ipairs {
    "GET", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "TRACE", "CONNECT", "PRI", "get", "Get",
    "GOT", "X", "",
    "GET ", " GET", "\tGET", "G ET", "GE(T", "GET\0", "\0GET", "G\xc3\xbcT", "GET\v", "\r\nGET",
    "\r\n\r\nGET", "\r\n\r\n\r\nGET", "\nGET", "\rGET", ("G"):rep(300),
  } do
    add("method", #method > 99 and "300 letters" or quoted(method), method .. " / HTTP/1.1\r\n" ..
      HOST .. "\r\n")
  end
  for _, target in ipairs {
    "/", "*", "", "a", "/a b", "/a\tb", "/a\0b", "/a\1b", "/a\127b", "/a\x80b", "/\xc3\xbc", "/%",
    "/%zz",
    "/%00", "/#f", "/a?b#c", "?x", "//", "//a/b", "/../x", "/a/../b", "/a/./b", "/a;b=c",
    "/a?b=c&d=%20",
    "/{}|^`\"<>\\", "http://a/", "http://b/x", "HTTP://a/", "https://a/", "ftp://a/", "http:///",
    "http://", "a:80", "/\v", "\\", " /", "/ ", "http://a", "http://u:p@a/", "/a\rb", "/a\nb",
  } do
    add("target", quoted(target), "GET " .. target .. " HTTP/1.1\r\n" .. HOST .. "\r\n")
  end
  for _, n in ipairs { 8000, 16000, 17000, 100000 } do
    add("target", n .. " bytes", "GET /" .. ("t"):rep(n) .. " HTTP/1.1\r\n" .. HOST .. "\r\n")
  end
  add("target", "* of OPTIONS", "OPTIONS * HTTP/1.1\r\n" .. HOST .. "\r\n")
  add("target", "authority of CONNECT", "CONNECT a:443 HTTP/1.1\r\n" .. HOST .. "\r\n")
  for _, version in ipairs {
    "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/2", "HTTP/3.0", "HTTP/0.9",
    "HTTP/1",
    "HTTP/1.", "HTTP/.1", "HTTP/11.1", "HTTP/1.10", "HTTP/01.1", "http/1.1", "HTTP/1,1",
    "HTTPS/1.1",
    "ICE/1.0", "RTSP/1.0", "SOURCE", "", " HTTP/1.1", "\tHTTP/1.1", "HTTP/1.1 ", "HTTP/1.1\t",
    "HTTP/1.1 x",
    "HTTP /1.1", "HTTP/ 1.1", "HTTP/1.1\0", "HTTP/-1.1", "HTTP/1.1\v",
  } do
    add("version", quoted(version), "GET / " .. version .. "\r\n" .. HOST .. "\r\n")
  end
  add("first line", "HTTP/0.9", "GET /\r\n")
  add("first line", "ends in LF", "GET / HTTP/1.1\n" .. HOST .. "\r\n")
  add("first line", "ends in CR", "GET / HTTP/1.1\r" .. HOST .. "\r\n")
  add("first line", "ends in CR CR LF", "GET / HTTP/1.1\r\r\n" .. HOST .. "\r\n")
  add("first line", "all end in LF", "GET / HTTP/1.1\nHost: a\n\n")
  add("first line", "an answer's", "HTTP/1.1 200 OK\r\n" .. FIVE .. "\r\nhello")
  add("first line", "TLS", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n")
  add("first line", "of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
end

local function hosts()
  for _, host in ipairs {
    "", "a", "a:80", "a:", ":80", "a:x", "a:99999", "a b", "a,b", "a/b", "u@a", "[::1]", "[::1",
    "a_b", "a\0b",
    "a\tb", "\xc3\xbc", "a..b", "http://a", "a?b", "a#b", "-", "%61", "a;b", "a\\b", "<a>",
  } do
    add("host", quoted(host), GET .. "Host: " .. host .. "\r\n\r\n")
  end
  add("host", "none", GET .. "\r\n")
  add("host", "none, HTTP/1.0", "GET / HTTP/1.0\r\n\r\n")
  add("host", "the same twice", GET .. HOST .. HOST .. "\r\n")
  add("host", "two", GET .. HOST .. "Host: b\r\n\r\n")
  add("host", "two, HTTP/1.0", "GET / HTTP/1.0\r\n" .. HOST .. "Host: b\r\n\r\n")
  add("host", "blank before the colon", GET .. "Host : a\r\n\r\n")
  add("host", "folded", GET .. "Host:\r\n a\r\n\r\n")
end

local function fields()
  each("field name", variants.names, function(name)
    return GET .. HOST .. name .. ": v\r\n\r\n"
  end)
  each("field value", variants.values, function(value)
    return GET .. HOST .. "X-A: " .. value .. "\r\n\r\n"
  end)
  each("line", variants.lines, function(line) return GET .. HOST .. line .. "\r\n" end)
  add("line", "the first one folded", GET .. " X: y\r\n" .. HOST .. "\r\n")
  add("line", "the empty one is LF", GET .. HOST .. "\n")
  add("line", "the empty one is CR", GET .. HOST .. "\rX")
  for _, n in ipairs { 100, 128, 129, 300 } do
    add("head", n .. " fields", GET .. HOST .. ("X-A: b\r\n"):rep(n - 1) .. "\r\n")
  end
  for _, n in ipairs { 64, 120, 400 } do
    add("head", n .. " KB", GET .. HOST .. ("X-A: " .. ("b"):rep(8000) .. "\r\n"):rep(n // 8) ..
      "\r\n")
  end
end

local function bodies()
  each("length", variants.lengths, function(length)
    return POST .. HOST .. "Content-Length: " .. length .. "\r\n\r\nhello"
  end)
  each("length", variants.length_lines, function(lines)
    return POST .. HOST .. lines .. "\r\nhello"
  end)
  add("length", "zero", POST .. HOST .. "Content-Length: 0\r\n\r\n")
  add("length", "none", POST .. HOST .. "\r\n")
  add("length", "of GET", GET .. HOST .. FIVE .. "\r\nhello")
  add("length", "of HTTP/1.0", "POST / HTTP/1.0\r\n" .. FIVE .. "\r\nhello")
  add("length", "of OPTIONS", "OPTIONS * HTTP/1.1\r\n" .. HOST .. FIVE .. "\r\nhello")
  add("length", "a line more than said", POST .. HOST .. FIVE .. "\r\nhello\r\n")
  add("length", "a byte more than said", POST .. HOST .. FIVE .. "\r\nhello!")
  local head = POST .. HOST .. "Transfer-Encoding: chunked\r\n\r\n"
  each("chunk", variants.sizes, function(text, variant)
    return head .. (variant.whole and text or text .. "\r\nhello\r\n0\r\n\r\n")
  end)
  each("chunks", variants.chunks, function(text) return head .. text end)
  each("coding", variants.codings, function(coding)
    return POST .. HOST .. "Transfer-Encoding: " .. coding .. "\r\n\r\n" .. BODY
  end)
  each("coding", variants.coding_lines, function(lines)
    return POST .. HOST .. lines .. "\r\n" .. BODY
  end)
  add("coding", "of GET", GET .. HOST .. "Transfer-Encoding: chunked\r\n\r\n" .. BODY)
  add("coding", "of HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" .. BODY)
  add("coding", "of HTTP/1.0 with a length", "POST / HTTP/1.0\r\n" .. FIVE ..
    "Transfer-Encoding: chunked\r\n\r\n" .. BODY)
end

local function connection()
  each("connection", variants.connections, function(value)
    return GET .. HOST .. "Connection: " .. value .. "\r\n\r\n"
  end)
  each("connection", variants.connection_lines, function(lines)
    return GET .. HOST .. lines .. "\r\n"
  end)
  for _, value in ipairs {
    "x", "keep-alive", "Keep-Alive", "x, keep-alive", "keep-alive, close",
  } do
    add("connection", "HTTP/1.0 " .. value, "GET / HTTP/1.0\r\n" .. HOST .. "Connection: " ..
      value .. "\r\n\r\n")
  end
  for _, value in ipairs { "100-continue", "100-Continue", "200-maybe", "100-continue, x", "" } do
    add("expect", quoted(value), POST .. HOST .. FIVE .. "Expect: " .. value .. "\r\n\r\nhello")
  end
  add("expect", "without a body", GET .. HOST .. "Expect: 100-continue\r\n\r\n")
  add("expect", "in HTTP/1.0", "POST / HTTP/1.0\r\n" .. FIVE ..
    "Expect: 100-continue\r\n\r\nhello")
  add("upgrade", "to h2c", GET .. HOST .. "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n")
  add("upgrade", "to websocket", GET .. HOST .. "Upgrade: websocket\r\nConnection: Upgrade\r\n" ..
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
  add("pipelined", "two", GET .. HOST .. "\r\n" .. "GET /2 HTTP/1.1\r\n" .. HOST .. "\r\n")
  add("pipelined", "behind a body", POST .. HOST .. FIVE .. "\r\nhelloGET /2 HTTP/1.1\r\n" ..
    HOST .. "\r\n")
  add("pipelined", "behind chunks", POST .. HOST .. "Transfer-Encoding: chunked\r\n\r\n" .. BODY ..
    "GET /2 HTTP/1.1\r\n" .. HOST .. "\r\n")
  add("pipelined", "with an empty line between", GET .. HOST .. "\r\n\r\n")
  add("pipelined", "behind HEAD", "HEAD / HTTP/1.1\r\n" .. HOST .. "\r\n")
  add("pipelined", "rubbish", GET .. HOST .. "\r\n\1\2\3\r\n\r\n")
end

local function cut()
  local function at_each(name, bytes, step)
    for n = 0, #bytes - 1, step do
      add("cut " .. name, tostring(n), bytes:sub(1, n), { alone = true })
    end
  end
  at_each("length", POST .. HOST .. FIVE .. "\r\nhello", 1)
  at_each("chunks", POST .. HOST .. "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n" ..
    "X: y\r\n\r\n", 1)
end

--- All of them.
function requests.all()
  cases = {}
  first_lines()
  hosts()
  fields()
  bodies()
  connection()
  cut()
  return cases
end

return requests
