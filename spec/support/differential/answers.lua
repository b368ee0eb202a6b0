-- answers.lua -- the corpus of answers: a list of { name, bytes =, method =, ends = }. ends = true:
-- the server closes behind the bytes; else it waits for another request on the connection.
local variants = require "spec.support.differential.variants"

local quoted = variants.quoted

local OK = "HTTP/1.1 200 OK\r\n"
local FIVE = "Content-Length: 5\r\n"
local BODY = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"

local cases

local function add(group, name, bytes, options)
  local case = { name = group .. ": " .. name, bytes = bytes }
  for key, value in pairs(options or {}) do case[key] = value end
  cases[#cases + 1] = case
end

--- Each variant within a message; make returns its bytes.
local function each(group, list, make, options)
  for _, variant in ipairs(list) do add(group, variant[1], make(variant[2], variant), options) end
end

local CLOSED = { ends = true }

local function status_lines()
  for _, version in ipairs {
    "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/2", "HTTP/3", "HTTP/0.9",
    "HTTP/1",
    "HTTP/1.", "HTTP/.1", "HTTP/11.1", "HTTP/1.10", "HTTP/01.1", "http/1.1", "HTTP/1,1",
    "HTTPS/1.1",
    "ICY", "RTSP/1.0", "", " HTTP/1.1", "\r\nHTTP/1.1", "\nHTTP/1.1", "xHTTP/1.1", "HTTP/1.1 ",
    "HTTP/1.1\t", "HTTP /1.1", "\0HTTP/1.1", "HTTP/-1.1",
  } do
    add("version", quoted(version), version .. " 200 OK\r\n" .. FIVE .. "\r\nhello", CLOSED)
  end
  for _, rest in ipairs {
    "200", "200 ", "200  ", "200 OK ", "200 \t", "200  OK", "200\tOK", "200OK", "200-OK",
    "0200 OK", "20 OK",
    "2 OK", "2000 OK", "2x0 OK", "-20 OK", "+20 OK", "000 OK", "099 OK", "600 OK", "999 OK",
    "299 OK",
    "404 Not Found", "503", "", "OK", "2 00 OK", "0x200 OK", "200,OK", "200.0 OK",
    "200 \1", "200 \127", "200 \xc3\xbc", "200 a\0b", "200 a\rb", "200 a\tb", "200\0OK",
  } do
    add("status", quoted(rest), "HTTP/1.1 " .. rest .. "\r\n" .. FIVE .. "\r\nhello", CLOSED)
  end
  for _, n in ipairs { 1000, 15000, 20000, 90000, 110000 } do
    add("status", "a reason of " .. n .. " bytes",
      "HTTP/1.1 200 " .. ("r"):rep(n) .. "\r\n" .. FIVE .. "\r\nhello", CLOSED)
  end
  add("status", "ends in LF", "HTTP/1.1 200 OK\n" .. FIVE .. "\r\nhello", CLOSED)
  add("status", "ends in CR", "HTTP/1.1 200 OK\r" .. FIVE .. "\r\nhello", CLOSED)
  add("status", "all lines end in LF", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", CLOSED)
  add("status", "no HTTP at all", "hello\r\n\r\n", CLOSED)
  add("status", "SSH", "SSH-2.0-OpenSSH_9.2p1\r\n", CLOSED)
  add("status", "a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", CLOSED)
  add("status", "nothing", "", CLOSED)
end

local function fields()
  each("field name", variants.names, function(name)
    return OK .. FIVE .. name .. ": v\r\n\r\nhello"
  end, CLOSED)
  each("field value", variants.values, function(value)
    return OK .. FIVE .. "X-A: " .. value .. "\r\n\r\nhello"
  end, CLOSED)
  each("line", variants.lines, function(line) return OK .. FIVE .. line .. "\r\nhello" end, CLOSED)
  add("line", "the first one folded", OK .. " x\r\n" .. FIVE .. "\r\nhello", CLOSED)
  add("line", "the empty one is LF", OK .. FIVE .. "\nhello", CLOSED)
  add("line", "the empty one is CR", OK .. FIVE .. "\rhello", CLOSED)
  for _, n in ipairs { 100, 127, 128, 300 } do
    add("head", n .. " fields", OK .. FIVE .. ("X-A: b\r\n"):rep(n - 1) .. "\r\nhello")
  end
  for _, n in ipairs { 64, 100, 120, 140, 400 } do
    add("head", n .. " KB", OK .. FIVE .. ("X-A: " .. ("b"):rep(8000) .. "\r\n"):rep(n // 8) ..
      "\r\nhello")
  end
  for _, n in ipairs { 90, 120, 140 } do
    add("head", "a field of " .. n .. " KB", OK .. FIVE .. "X-A: " .. ("b"):rep(n * 1000) ..
      "\r\n\r\nhello")
  end
  add("head", "two cookies", OK .. FIVE .. "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nhello")
end

local function lengths()
  each("length", variants.lengths, function(length)
    return OK .. "Content-Length: " .. length .. "\r\n\r\nhello"
  end, CLOSED)
  each("length", variants.length_lines, function(lines)
    return OK .. lines .. "\r\nhello"
  end, CLOSED)
  add("length", "none, until the end", OK .. "\r\nhello", CLOSED)
  add("length", "none, until the end, announced", OK .. "Connection: close\r\n\r\nhello", CLOSED)
  add("length", "none, until the end, of HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", CLOSED)
  add("length", "none, and nothing", OK .. "\r\n", CLOSED)
  add("length", "zero", OK .. "Content-Length: 0\r\n\r\n")
  add("length", "five", OK .. FIVE .. "\r\nhello")
end

local function chunked()
  local head = OK .. "Transfer-Encoding: chunked\r\n\r\n"
  each("chunk", variants.sizes, function(text, variant)
    if variant.whole then return head .. text end
    return head .. text .. "\r\nhello\r\n0\r\n\r\n"
  end, CLOSED)
  each("chunks", variants.chunks, function(text) return head .. text end, CLOSED)
  add("chunks", "connection kept", head .. BODY)
  add("chunks", "trailer, connection kept", head .. "5\r\nhello\r\n0\r\nX-T: u\r\n\r\n")
  add("chunks", "no last one", head .. "5\r\nhello\r\n", CLOSED)
  each("coding", variants.codings, function(coding)
    return OK .. "Transfer-Encoding: " .. coding .. "\r\n\r\n" .. BODY
  end, CLOSED)
  each("coding", variants.coding_lines, function(lines) return OK .. lines .. "\r\n" .. BODY end,
    CLOSED)
  add("coding", "chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" ..
    BODY, CLOSED)
  add("coding", "with a length, connection open", OK .. FIVE ..
    "Transfer-Encoding: chunked\r\n\r\n" .. BODY)
end

local function bodiless()
  local head = { method = "HEAD" }
  add("no body", "204", "HTTP/1.1 204 No Content\r\n\r\n")
  add("no body", "204 with a length", "HTTP/1.1 204 No Content\r\n" .. FIVE .. "\r\n")
  add("no body", "204 chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")
  add("no body", "204 with a body", "HTTP/1.1 204 No Content\r\n" .. FIVE .. "\r\nhello")
  add("no body", "205", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n")
  add("no body", "304", "HTTP/1.1 304 Not Modified\r\n\r\n")
  add("no body", "304 with a length", "HTTP/1.1 304 Not Modified\r\n" .. FIVE .. "\r\n")
  add("no body", "304 chunked", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n")
  add("no body", "304 with a body", "HTTP/1.1 304 Not Modified\r\n" .. FIVE .. "\r\nhello")
  add("no body", "304 of HTTP/1.0", "HTTP/1.0 304 Not Modified\r\n\r\n")
  add("no body", "HEAD", OK .. "\r\n", head)
  add("no body", "HEAD with a length", OK .. FIVE .. "\r\n", head)
  add("no body", "HEAD with a huge length", OK .. "Content-Length: 9999999999999\r\n\r\n", head)
  add("no body", "HEAD chunked", OK .. "Transfer-Encoding: chunked\r\n\r\n", head)
  add("no body", "HEAD with length and chunked", OK .. FIVE ..
    "Transfer-Encoding: chunked\r\n\r\n", head)
  add("no body", "HEAD with a body", OK .. FIVE .. "\r\nhello", head)
  add("no body", "HEAD with gzip", OK .. "Content-Encoding: gzip\r\n" .. FIVE .. "\r\n", head)
  add("no body", "HEAD of HTTP/1.0", "HTTP/1.0 200 OK\r\n" .. FIVE .. "\r\n", head)
end

local function interim()
  local final = OK .. FIVE .. "\r\nhello"
  for _, status in ipairs { 100, 102, 103, 110, 199 } do
    add("interim", tostring(status), ("HTTP/1.1 %d X\r\nX-I: 1\r\n\r\n"):format(status) .. final)
  end
  add("interim", "101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n" ..
    "Connection: upgrade\r\n\r\n" .. final, CLOSED)
  add("interim", "100 with a length", "HTTP/1.1 100 Continue\r\n" .. FIVE .. "\r\n" .. final)
  add("interim", "100 chunked", "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n" ..
    final)
  add("interim", "100 that says close", "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n" ..
    final)
  add("interim", "100 of HTTP/1.0", "HTTP/1.0 100 Continue\r\n\r\n" .. final)
  for _, n in ipairs { 3, 50, 101 } do
    add("interim", n .. " of them", ("HTTP/1.1 103 X\r\nLink: a\r\n\r\n"):rep(n) .. final)
  end
  add("interim", "and no final one", "HTTP/1.1 100 Continue\r\n\r\n", CLOSED)
  add("interim", "100 to HEAD", "HTTP/1.1 100 Continue\r\n\r\n" .. OK .. FIVE .. "\r\n",
    { method = "HEAD" })
end

local function connection()
  each("connection", variants.connections, function(value)
    return OK .. FIVE .. "Connection: " .. value .. "\r\n\r\nhello"
  end)
  each("connection", variants.connection_lines, function(lines)
    return OK .. FIVE .. lines .. "\r\nhello"
  end)
  local old = "HTTP/1.0 200 OK\r\n" .. FIVE
  add("connection", "HTTP/1.0", old .. "\r\nhello")
  for _, value in ipairs {
    "keep-alive", "Keep-Alive", "x, keep-alive", "close", "keep-alive, close",
  } do
    add("connection", "HTTP/1.0 " .. value, old .. "Connection: " .. value .. "\r\n\r\nhello")
  end
  add("connection", "Keep-Alive for no time", OK .. FIVE .. "Keep-Alive: timeout=0\r\n\r\nhello")
  add("connection", "Keep-Alive for a minute", OK .. FIVE .. "Keep-Alive: timeout=60\r\n\r\nhello")
  add("connection", "an upgrade is offered", OK .. FIVE ..
    "Upgrade: h2c\r\nConnection: upgrade\r\n\r\nhello")
  add("surplus", "a byte", OK .. FIVE .. "\r\nhello!")
  add("surplus", "an empty line", OK .. FIVE .. "\r\nhello\r\n")
  add("surplus", "a second answer", (OK .. FIVE .. "\r\nhello"):rep(2))
  add("surplus", "behind chunks", OK .. "Transfer-Encoding: chunked\r\n\r\n" .. BODY .. "x")
  add("surplus", "behind no body", OK .. "Content-Length: 0\r\n\r\nx")
  add("surplus", "an answer behind 204", "HTTP/1.1 204 X\r\n\r\n" .. OK .. FIVE .. "\r\nhello")
  add("surplus", "an answer behind HEAD", OK .. FIVE .. "\r\n" .. OK .. FIVE .. "\r\n",
    { method = "HEAD" })
end

--- "hello hello hello", as Python's zlib makes it.
local RAW = "\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00"
local GZIP = "\x1f\x8b\x08\0\0\0\0\0\x02\x03" .. RAW .. "\x80\x88\xf9\xe5\x11\0\0\0"
local ZLIB = "\x78\x9c" .. RAW .. "\x3a\x2e\x06\x7d"

local function encoded()
  local function one(name, coding, body, options)
    add("content", name, OK .. ("Content-Length: %d\r\nContent-Encoding: %s\r\n\r\n%s"):format(
      #body, coding, body), options)
  end
  one("gzip", "gzip", GZIP)
  one("GZIP", "GZIP", GZIP)
  one("x-gzip", "x-gzip", GZIP)
  one("deflate with its frame", "deflate", ZLIB)
  one("deflate without", "deflate", RAW)
  one("identity", "identity", "hello")
  one("of an unknown kind", "x-mine", "hello")
  one("without a name", "", "hello")
  one("twice gzip", "gzip, gzip", GZIP)
  one("gzip and identity", "gzip, identity", GZIP)
  one("that is not gzip", "gzip", "hello")
  one("that is not deflate", "deflate", "hello")
  one("of gzip, nothing", "gzip", "")
  one("of deflate, nothing", "deflate", "")
  one("of gzip, cut", "gzip", GZIP:sub(1, -12))
  one("of gzip, cut in its frame", "gzip", GZIP:sub(1, -3))
  one("of deflate, cut", "deflate", ZLIB:sub(1, -9))
  one("of gzip, wrong sum", "gzip", GZIP:sub(1, -9) .. "\0\0\0\0" .. GZIP:sub(-4))
  one("of gzip, wrong length", "gzip", GZIP:sub(1, -5) .. "\1\0\0\0")
  one("of deflate, wrong sum", "deflate", ZLIB:sub(1, -5) .. "\0\0\0\0")
  one("of gzip, two members", "gzip", GZIP .. GZIP)
  one("of gzip, zeros behind", "gzip", GZIP .. "\0\0\0\0")
  one("of gzip, rubbish behind", "gzip", GZIP .. "hello")
  one("of deflate, rubbish behind", "deflate", ZLIB .. "hello")
  add("content", "gzip, chunked", OK .. "Transfer-Encoding: chunked\r\nContent-Encoding: gzip" ..
    "\r\n\r\n" .. ("%x\r\n%s\r\n0\r\n\r\n"):format(#GZIP, GZIP))
  add("content", "gzip, until the end", OK .. "Content-Encoding: gzip\r\n\r\n" .. GZIP, CLOSED)
  add("content", "gzip, until the end, cut", OK .. "Content-Encoding: gzip\r\n\r\n" ..
    GZIP:sub(1, -12), CLOSED)
  add("content", "gzip of 204", "HTTP/1.1 204 X\r\nContent-Encoding: gzip\r\n\r\n")
end

--- Good answers that end at every place where something else is being read.
local function cut()
  local function at_each(name, bytes, step)
    for n = 1, #bytes - 1, step do add("cut " .. name, tostring(n), bytes:sub(1, n), CLOSED) end
  end
  at_each("length", OK .. FIVE .. "X: y\r\n\r\nhello", 1)
  at_each("chunks", OK .. "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n" ..
    "X: y\r\n\r\n", 1)
  at_each("interim", "HTTP/1.1 100 Continue\r\n\r\n" .. OK .. FIVE .. "\r\nhello", 5)
  at_each("rest", OK .. "X: y\r\n\r\nhello", 3)
end

--- All of them.
return function()
  cases = {}
  status_lines()
  fields()
  lengths()
  chunked()
  bodiless()
  interim()
  connection()
  encoded()
  cut()
  return cases
end
