-- answers.lua -- what answers look like: framing, codings, interim ones, sizes, pieces.
-- A list of { name =, text =, run = function(peer, where) }; see spec/support/world.lua.
local assert = require "luassert"
local process = require "spec.support.process"

local function is_text(peer, answer)
  assert.equal(200, answer.status)
  assert.is_true(answer.body == peer.text, "another body than the file's")
end

--- The answer is right, and what follows on the same connection is too. A server that closes behind
--- every answer gets two.
local function twice(peer, where, check)
  local opened = peer.count()
  for _ = 1, 2 do check(peer:get(where, { idempotent = peer.closes })) end
  assert.equal(peer.closes and 2 or 1, (opened()))
end

local function length(peer, where)
  twice(peer, where, function(answer)
    is_text(peer, answer)
    assert.equal(tostring(#peer.text), answer.headers["content-length"])
  end)
end

local function chunked(peer, where)
  twice(peer, where, function(answer)
    is_text(peer, answer)
    assert.equal("chunked", answer.headers["transfer-encoding"])
  end)
end

local function trailers(peer, where)
  twice(peer, where, function(answer)
    is_text(peer, answer)
    assert.equal("chunked", answer.headers["transfer-encoding"])
    assert.is_nil(answer.headers["x-checksum"]) -- a trailer is no header
  end)
end

local function extensions(peer, where)
  twice(peer, where, function(answer)
    assert.equal("hello world", answer.body)
    assert.equal("1", answer.headers["x-a"])
    assert.is_nil(answer.headers["x-trailer"])
  end)
end

local function until_close(peer, where)
  local opened = peer.count()
  for _ = 1, 2 do
    local answer = peer:get(where)
    is_text(peer, answer)
    assert.is_nil(answer.headers["content-length"])
    assert.is_nil(answer.headers["transfer-encoding"])
  end
  assert.equal(2, (opened()))
end

local function cut(peer, where)
  local answer, err = peer:request(where)
  assert.is_nil(answer)
  assert.equal("net.reset", err.code)
  assert.equal("answered", err.sent)
  assert.is_false(err.retryable)
end

--- where: paths; of compressed resources, too.
local function head(peer, where)
  local opened = peer.count()
  for _, path in ipairs(where) do
    local answer = peer:get(path, { method = "HEAD" })
    assert.equal(200, answer.status)
    assert.equal("", answer.body)
    is_text(peer, peer:get(path))
  end
  assert.equal(1, (opened()))
end

local function empty(peer, where)
  twice(peer, where, function(answer)
    assert.equal(204, answer.status)
    assert.equal("", answer.body)
  end)
end

local function not_modified(peer, where)
  local opened = peer.count()
  local first = peer:get(where)
  local fields = { ["If-None-Match"] = first.headers.etag }
  if not first.headers.etag then
    fields["If-Modified-Since"] = first.headers["last-modified"]
  end
  for _ = 1, 2 do
    local answer = peer:get(where, { headers = fields })
    assert.equal(304, answer.status)
    assert.equal("", answer.body)
  end
  is_text(peer, peer:get(where))
  assert.equal(1, (opened()))
end

local function interim(peer, where)
  local answer = peer:get(where)
  is_text(peer, answer)
  assert.is_nil(answer.headers.link) -- it was the interim answer's
end

local function coded(coding)
  return function(peer, where)
    local answer = peer:get(where)
    assert.equal(coding, answer.headers["content-encoding"])
    is_text(peer, answer)
    local path = peer.root.dir:file "saved"
    assert.equal(#peer.text, peer:get(where, { save = path, idempotent = peer.closes }).saved)
    assert.is_true(process.read(path) == peer.text)
  end
end

--- HTTP/1.0: the connection ends, though there is a length.
local function old(peer, where)
  local opened = peer.count()
  for _ = 1, 2 do is_text(peer, peer:get(where)) end
  assert.equal(2, (opened()))
end

local function headers(peer, where)
  twice(peer, where, function(answer)
    for i = 1, 66 do
      assert.equal(("%d"):format(i % 10):rep(1000), answer.headers["x-" .. i])
    end
    is_text(peer, answer)
  end)
end

--- Every answer in two pieces, cut behind its first byte, its second, …; 204: there are no more.
local function split(peer, where)
  local opened, at, status = peer.count(), 0, 200
  while status == 200 do
    at = at + 1
    local answer = peer:get(where .. at)
    status = answer.status
    if status == 200 then
      assert.equal("hello world", answer.body, at)
      assert.equal("1", answer.headers["x-a"], at)
    end
  end
  assert.equal(204, status)
  assert.is_true(at > 120, "only " .. at .. " places")
  assert.equal(1, (opened()))
end

local function drip(peer, where)
  twice(peer, where, function(answer) assert.equal("hello world", answer.body) end)
end

--- A body that comes little by little: where, and how many of its bytes.
local function slow(peer, where)
  local start = os.time()
  local answer = peer:get(where.path, { stall_timeout = 3 })
  assert.is_true(answer.body == peer.text:sub(1, where.bytes), #answer.body .. " bytes")
  assert.is_true(os.time() - start < 30)
end

return {
  { name = "length", text = "an answer with a length", run = length },
  { name = "chunked", text = "an answer in chunks", run = chunked },
  { name = "trailers", text = "trailers behind the chunks", run = trailers },
  { name = "extensions", text = "extensions of chunks", run = extensions },
  { name = "until_close", text = "an answer that ends with the connection", run = until_close },
  { name = "cut", text = "… or with a connection that is only cut: in doubt", run = cut },
  { name = "head", text = "HEAD: no body, the connection goes on", run = head },
  { name = "empty", text = "204", run = empty },
  { name = "not_modified", text = "304", run = not_modified },
  { name = "interim", text = "1xx before the answer", run = interim },
  { name = "gzip", text = "gzip", run = coded "gzip" },
  { name = "deflate", text = "deflate", run = coded "deflate" },
  { name = "raw_deflate", text = "deflate without its frame", run = coded "deflate" },
  { name = "old", text = "HTTP/1.0", run = old },
  { name = "headers", text = "64 KB of headers", run = headers },
  { name = "split", text = "an answer split at every byte", run = split },
  { name = "drip", text = "an answer byte by byte", run = drip },
  { name = "slow", text = "an answer that comes slowly", run = slow },
}
