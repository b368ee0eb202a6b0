-- connections.lua -- how connections are kept, and how they end.
-- A list of { name =, text =, run = function(peer, where) }; see spec/support/world.lua.
local assert = require "luassert"
local all = require "iflow.all"
local core = require "iflow.core"
local process = require "spec.support.process"

local function keep_alive(peer, where)
  local opened = peer.count()
  for _ = 1, 30 do assert.equal(200, peer:get(where).status) end
  assert.equal(1, (opened()))
end

--- More requests than connections: each gets its own answer.
local function parallel(peer, where)
  local opened, jobs = peer.count(), {}
  for i = 1, 120 do
    jobs[i] = function()
      local body = ("%d "):format(i):rep(i * 10)
      local name = ("parallel-%d"):format(i)
      peer:get(where .. name, { method = "PUT", body = body, connections = 8 })
      assert.is_true(peer:uploaded(name, #body) == body)
    end
  end
  assert(all(jobs, { limit = #jobs }))
  assert.is_true((opened()) <= 8)
end

local function close(peer, where)
  local opened = peer.count()
  for _ = 1, 3 do
    local answer = peer:get(where)
    assert.equal("close", answer.headers.connection:lower())
    assert.equal(0, core.http.stats().idle)
  end
  assert.equal(3, (opened()))
end

--- Three requests a connection.
local function limit(peer, where)
  local opened = peer.count()
  for _ = 1, 9 do assert.equal(200, peer:get(where).status) end
  assert.equal(3, (opened()))
end

--- "Keep-Alive: timeout=2": it is not used any more a second before.
local function announced(peer, where)
  local opened = peer.count()
  local answer = peer:get(where)
  assert.matches("timeout=2", answer.headers["keep-alive"])
  peer:get(where)
  assert.equal(1, (opened()))
  core.task.sleep(1.1)
  peer:get(where)
  assert.equal(2, (opened()))
end

--- Waits until the server ends its silent connection; how long that took it.
local function kept_for(peer, where)
  local answer = peer:get(where)
  assert.is_nil(answer.headers["keep-alive"]) -- it does not say so before
  assert.equal(1, core.http.stats().idle)
  local start = core.task.monotonic()
  process.wait_for("the server to close", function() return core.http.stats().idle == 0 end, 5)
  return core.task.monotonic() - start - 0.01 -- half of what wait_for pauses
end

--- A request that may meet the closing: done, or in doubt if it is not idempotent.
local function meet(peer, path, idempotent, method)
  local answer, err = peer:request(path, {
    method = method, body = method == "PUT" and "x" or nil, idempotent = idempotent,
  })
  if answer then
    assert.equal(2, answer.status // 100)
    return
  end
  assert.is_false(idempotent, tostring(err))
  assert.equal("net.reset", err.code)
  assert.is_false(err.sent ~= "nothing" and err.retryable)
end

--- An idle connection is closed under us. The next request goes by a new one; requests that leave
--- just then are done once, or in doubt. where.get, where.put
local function idle_close(peer, where)
  local N, jobs, opened = 60, {}, peer.count()
  local after = kept_for(peer, where.get)
  assert.equal(2, peer:get(where.put .. "after", { method = "PUT", body = "x" }).status // 100)
  assert.equal(2, (opened()))
  for i = 1, N do
    jobs[i] = function()
      peer:get(where.get)
      core.task.sleep(math.max(0, after + (i - N / 2) * 0.001))
      meet(peer, where.put .. "race-" .. i, i % 2 == 0, "PUT")
    end
  end
  assert(all(jobs, { limit = N }))
  for i = 1, N do assert.is_true(peer:logged(("race-%d "):format(i)) <= 1, i) end
end

--- The server closes behind every answer and never says so. What meets that is sent again only if
--- it is idempotent.
local function close_unsaid(peer, where)
  for _ = 1, 60 do
    local before = core.http.stats().requests
    meet(peer, where, false, "GET")
    assert.equal(1, core.http.stats().requests - before)
    meet(peer, where, true, "GET")
  end
end

return {
  { name = "keep_alive", text = "a connection is kept", run = keep_alive },
  { name = "parallel", text = "many requests over a few connections", run = parallel },
  { name = "close", text = "Connection: close", run = close },
  { name = "limit", text = "a limit of requests a connection", run = limit },
  { name = "announced", text = "a connection ends before the server ends it", run = announced },
  { name = "close_unsaid", text = "a connection closed behind every answer", run = close_unsaid },
  { name = "idle_close", text = "an idle connection closed under us", run = idle_close },
}
