-- bodies.lua -- what is sent: uploads, Expect, answers that come before the body is over, bodies
-- larger than memory.
-- A list of { name =, text =, run = function(peer, where) }; see spec/support/world.lua.
local assert = require "luassert"
local all = require "iflow.all"
local core = require "iflow.core"
local json = require "iflow.json"
local process = require "spec.support.process"

local MEMORY = 40 << 10 -- KiB of a process that moves large bodies
local LARGE = 8 << 20

local function bytes(n) return ("0123456789abcdef\n"):rep(n // 17 + 1):sub(1, n) end

--- An iterator of pieces of the text; how many were taken is in the table it returns.
local function pieces(text, size)
  local taken = { count = 0 }
  return function()
    local piece = text:sub(taken.count * size + 1, (taken.count + 1) * size)
    taken.count = taken.count + 1
    return #piece > 0 and piece or nil
  end, taken
end

local function put(peer, where, body, more)
  local options = { method = "PUT", body = body }
  for key, value in pairs(more or {}) do options[key] = value end
  return peer:get(where, options)
end

local function upload(peer, where)
  local opened = peer.count()
  for _, size in ipairs { 0, 1, 16000, 16384, 300000, 3000000 } do
    local text = bytes(size)
    local path = peer.root.dir:write("sent", text)
    for kind, body in pairs { memory = text, file = { file = path },
                              iterator = pieces(text, 70001) } do
      local name = ("upload-%d-%s"):format(size, kind)
      assert.equal(2, put(peer, where .. name, body).status // 100)
      assert.is_true(peer:uploaded(name, size) == text, name)
    end
  end
  assert.equal(1, (opened()))
end

local function continue(peer, where)
  local opened = peer.count()
  for i, body in ipairs { bytes(100000), (pieces(bytes(100000), 1000)) } do
    local name = "continue-" .. i
    assert.equal(2, put(peer, where .. name, body, { expect_continue = true }).status // 100)
    assert.is_true(peer:uploaded(name, 100000) == bytes(100000))
  end
  assert.equal(1, (opened()))
end

--- where: status = path. Nothing of the body is taken, and the connection is not used again. Only a
--- body with a length can be refused for its size.
local function continue_refused(peer, where)
  local text = bytes(LARGE)
  for status, path in pairs(where) do
    local iterator, taken = pieces(text, 1 << 16)
    for _, body in ipairs { text, status ~= 413 and iterator or nil } do
      assert.equal(status, put(peer, path, body, { expect_continue = true }).status)
      assert.equal(0, core.http.stats().idle)
    end
    assert.is_true(taken.count <= 1, path .. ": the body was asked for")
  end
end

--- 417: repeated without Expect.
local function expectation_failed(peer, where)
  for i, body in ipairs { bytes(100000), (pieces(bytes(100000), 1000)) } do
    local name = "417-" .. i
    assert.equal(2, put(peer, where .. name, body, { expect_continue = true }).status // 100)
    assert.is_true(peer:uploaded(name, 100000) == bytes(100000))
  end
end

--- where: paths of servers that say nothing, or too late.
local function continue_ignored(peer, where)
  local jobs = {}
  for i, path in ipairs(where) do
    jobs[i] = function()
      local name = "ignored-" .. i
      local start = core.task.monotonic()
      local answer = put(peer, path .. name, bytes(100000), { expect_continue = true })
      assert.equal(2, answer.status // 100)
      assert.is_true(core.task.monotonic() - start > 0.95)
      assert.is_true(peer:uploaded(name, 100000) == bytes(100000))
    end
  end
  assert(all(jobs))
end

--- where: a list of { status, path }. The body is still under way when the answer comes; it arrives
--- all the same, every time.
local function early(peer, where)
  local text = bytes(LARGE)
  local path = peer.root.dir:write("sent", text)
  for _, case in ipairs(where) do
    local early_ones = 0
    for _ = 1, 4 do
      for kind, body in pairs { memory = text, file = { file = path },
                                iterator = pieces(text, 1 << 16) } do
        assert.equal(case[1], put(peer, case[2], body).status, case[2] .. " " .. kind)
        if core.http.stats().idle == 0 then early_ones = early_ones + 1 end
        core.http.drop_idle()
      end
    end
    assert.is_true(early_ones > 0, case[2] .. " let the whole body come before")
  end
end

--- 200 before the body is over, and the server goes on reading.
local function early_success(peer, where)
  local opened = peer.count()
  local text = bytes(LARGE)
  for i = 1, 3 do
    local name = "at-once-" .. i
    assert.equal(200, put(peer, where .. name, text).status)
    assert.is_true(peer:uploaded(name, LARGE) == text)
  end
  assert.equal(1, (opened()))
end

--- 200 before the body is over, and the server reads no more: what it took, nobody knows.
local function early_success_cut(peer, where)
  for _ = 1, 3 do
    local answer, err = peer:request(where, { method = "PUT", body = bytes(LARGE) })
    assert.is_nil(answer)
    assert.equal("net.reset", err.code)
    assert.equal("answered", err.sent)
    assert.equal(200, err.status)
    assert.is_false(err.retryable)
  end
end

--- A head of 110 KB: refused while it is being sent. where: path, status. A server that throws the
--- connection away behind an answer without a length leaves an error that knows the status.
local function large_head(peer, where)
  local fields = {}
  for i = 1, 110 do fields["X-Large-" .. i] = ("v"):rep(1000) end
  for _ = 1, 5 do
    local answer, err = peer:request(where.path, { headers = fields })
    if not answer then assert.equal("net.reset", err.code) end
    assert.equal(where.status, (answer or err).status)
  end
end

--- In a process of its own, for its memory counts. where.up, where.down
local function large(peer, where)
  local dir = peer.root.dir
  local big, down = dir:file "www/big", dir:file "down"
  local result = process.run {
    process.lua, "spec/support/world/transfer.lua", timeout = 600,
    assert(json.encode {
      cacert = peer.root.cacert, proxy = peer.proxy or "", save = down, file = big,
      up = where.up and peer:url(where.up .. "big"), down = peer:url(where.down),
    }),
  }
  assert.equal(0, result.code, result.err)
  local told = assert(json.decode(result.out))
  assert.equal(200, told.down)
  assert.equal(0, process.run({ "cmp", big, down }).code)
  if where.up then
    assert.equal(2, told.up // 100)
    assert.equal(0, process.run({ "cmp", big, dir:file "up/big" }).code)
  end
  if process.lua == "lua5.4" then -- the sanitizers' memory is not ours
    assert.is_true(told.peak_kib < MEMORY, told.peak_kib .. " KiB")
  end
  os.remove(down)
  os.remove(dir:file "up/big")
end

return {
  { name = "upload", text = "bodies of every kind and size", run = upload },
  { name = "continue", text = "Expect: granted", run = continue },
  { name = "continue_refused", text = "Expect: refused", run = continue_refused },
  { name = "expectation_failed", text = "Expect: not understood (417)", run = expectation_failed },
  { name = "continue_ignored", text = "Expect: ignored", run = continue_ignored },
  { name = "early", text = "a refusal while the body is being sent", run = early },
  { name = "early_success", text = "200 while the body is being sent", run = early_success },
  { name = "early_success_cut", text = "… and then it is not taken: in doubt",
    run = early_success_cut },
  { name = "large_head", text = "a head too large for the server", run = large_head },
  { name = "large", text = "a large file up and down in 40 MB", run = large },
}
