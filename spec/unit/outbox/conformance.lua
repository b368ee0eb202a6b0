-- What every backend of the outbox does. A backend's spec calls it with its name, a function that
-- gives the options to open an empty outbox in a directory, and busted's functions, which are no
-- globals here: conformance("sqlite", options_in, { describe = describe, … }).
local assert = require "luassert"
local async = require "spec.support.async"
local core = require "iflow.core"
local doubt_conformance = require "spec.unit.outbox.conformance_doubt"
local list_conformance = require "spec.unit.outbox.conformance_list"
local note_conformance = require "spec.unit.outbox.conformance_note"
local order_conformance = require "spec.unit.outbox.conformance_order"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"
local raises = require "spec.support.raises"

local function numbers(list)
  local found = {}
  for i, msg in ipairs(list) do found[i] = msg.number end
  return found
end

local function ids(list)
  local found = {}
  for i, msg in ipairs(list) do found[i] = msg.id end
  return found
end

return function(backend, options_in, busted)
  local describe, it = busted.describe, busted.it
  local before_each, after_each = busted.before_each, busted.after_each
  local dir

  local function open(over)
    local options = options_in(dir)
    for name, value in pairs(over or {}) do options[name] = value end
    return assert(outbox.open(options))
  end

  local function put(box, id, over)
    local message = { sender = "orders", id = id, body = "body of " .. id }
    for name, value in pairs(over or {}) do message[name] = value end
    return box:enqueue(message)
  end

  local function claim_one(box, sender)
    local list = assert(box:claim(sender or "orders", 1))
    assert.is_truthy(list[1], "nothing is ready")
    return list[1]
  end

  -- A test with an empty outbox of its own.
  local function with_box(body, over)
    return async(function()
      local box <close> = open(over)
      body(box)
    end)
  end

  describe("outbox on " .. backend, function()
    before_each(function() dir = process.tempdir() end)
    after_each(function() dir:close() end)

    describe("enqueue", function()
      it("gives back what was accepted", with_box(function(box)
        assert.equal("accepted", box:enqueue { sender = "orders", id = "a", body = "x\0y",
          key = "k", headers = { Region = "EMEA", List = { "1", "2" } },
          content_type = "text/plain", source = { file = "orders.csv", line = 7 } })
        local msg = claim_one(box)
        assert.equal("a", msg.id)
        assert.equal("k", msg.key)
        assert.equal("orders", msg.sender)
        assert.equal("x\0y", msg.body)
        assert.equal(3, msg.size)
        assert.same({ Region = "EMEA", List = { "1", "2" } }, msg.headers)
        assert.equal("text/plain", msg.content_type)
        assert.same({ file = "orders.csv", line = 7 }, msg.source)
        assert.equal("ready", msg.state)
        assert.equal(0, msg.attempts)
        assert.is_true(math.abs(msg.created - core.task.now()) < 60)
      end))

      it("takes empty bodies", with_box(function(box)
        assert(put(box, "a", { body = "" }))
        assert.equal("", claim_one(box).body)
      end))

      it("answers known for a known id, whatever became of it", with_box(function(box)
        assert.equal("accepted", put(box, "a"))
        assert.equal("known", put(box, "a", { body = "another" }))
        local msg = claim_one(box)
        assert.equal("body of a", msg.body)
        assert.equal("known", put(box, "a"))
        assert.equal(1, box:delivered(msg))
        assert.equal("known", put(box, "a"))
        assert.same({}, box:claim("orders", 10))
        assert.equal("accepted", put(box, "a", { sender = "invoices" }))
      end))

      it("forgets delivered ones with retention = 0", with_box(function(box)
        put(box, "a")
        assert.equal(1, box:delivered(claim_one(box)))
        assert.is_nil(box:show(1))
        assert.equal("accepted", put(box, "a"))
        assert.equal(0, box:counts().delivered)
      end, { retention = 0 }))

      it("raises for mistakes", with_box(function(box)
        raises("'id' is missing", function() box.handle:enqueue { sender = "s", body = "" } end)
        raises("did you mean 'key'", function()
          box.handle:enqueue { sender = "s", id = "1", body = "", keys = "" }
        end)
        raises("'body' must be", function() box.handle:enqueue { sender = "s", id = "1" } end)
        raises("'not_before' must be", function()
          box.handle:enqueue { sender = "s", id = "1", body = "", not_before = "soon" }
        end)
        raises("1 to 512 bytes", function()
          box.handle:enqueue { sender = "s", id = ("x"):rep(513), body = "" }
        end)
      end))

      it("commits what many tasks enqueue, in the order of each", with_box(function(box)
        local tasks = {}
        for t = 1, 40 do
          tasks[t] = core.task.spawn(function()
            for i = 1, 5 do assert(put(box, t .. "-" .. i)) end
            return true
          end)
        end
        for _, task in ipairs(tasks) do assert(task:join()) end
        local seen, list = {}, assert(box:claim("orders", 1000))
        assert.equal(200, #list)
        for _, msg in ipairs(list) do
          local t, i = msg.id:match "(%d+)-(%d+)"
          assert.equal((seen[t] or 0) + 1, tonumber(i))
          seen[t] = tonumber(i)
        end
      end))
    end)

    describe("claim", function()
      it("is first in, first out, for each sender", with_box(function(box)
        for i = 1, 6 do put(box, "m" .. i, { sender = i % 2 == 0 and "even" or "odd" }) end
        assert.same({ "m1", "m3" }, ids(box:claim("odd", 2)))
        assert.same({ "m5" }, ids(box:claim("odd", 2)))
        assert.same({ "m2", "m4", "m6" }, ids(box:claim("even", 1000)))
        assert.same({}, box:claim("odd", 2))
        assert.same({}, box:claim("nobody", 2))
      end))

      it("gives a released message again, in its place", with_box(function(box)
        for i = 1, 4 do put(box, "m" .. i) end
        local list = box:claim("orders", 3)
        assert.is_true(box:release { list[2], list[1] })
        assert.same({ "m1", "m2", "m4" }, ids(box:claim("orders", 10)))
      end))

      it("waits for not_before, and says when", with_box(function(box)
        local due = core.task.now() + 0.5
        put(box, "later", { not_before = due })
        put(box, "past", { not_before = 12 })
        local list, next_at = box:claim("orders", 10)
        assert.same({ "past" }, ids(list))
        assert.is_true(math.abs(next_at - due) < 0.01)
        core.task.sleep(math.max(0, due - core.task.now()) + 0.01)
        list, next_at = box:claim("orders", 10)
        assert.same({ "later" }, ids(list))
        assert.is_nil(next_at)
      end))

      it("gives of each key only the head", with_box(function(box)
        for _, id in ipairs { "a1", "b1", "a2", "b2", "free", "a3" } do
          put(box, id, { key = id:match "^([ab])%d" })
        end
        local list = box:claim("orders", 10)
        assert.same({ "a1", "b1", "free" }, ids(list))
        assert.same({}, box:claim("orders", 10))
        box:delivered(list[1])
        local second = box:claim("orders", 10)
        assert.same({ "a2" }, ids(second))
        box:rejected(second[1], { error = "no" })
        assert.same({ "a3" }, ids(box:claim("orders", 10)))
        box:delivered(list[2])
        assert.same({ "b2" }, ids(box:claim("orders", 10)))
      end))

      it("holds back only the key of a failing message", with_box(function(box)
        for _, id in ipairs { "a1", "a2", "b1" } do put(box, id, { key = id:sub(1, 1) }) end
        local list = box:claim("orders", 10)
        assert.same({ "a1", "b1" }, ids(list))
        box:retry(list[1], { not_before = core.task.now() + 0.5, error = "down" })
        box:delivered(list[2])
        assert.same({}, box:claim("orders", 10))
        assert.same({ "a2" }, ids(box:list { state = "blocked" }))
        assert.equal("blocked", box:list { id = "a2" }[1].state)
        put(box, "b2", { key = "b" })
        assert.same({ "b2" }, ids(box:claim("orders", 10)))
        process.wait_for("its time", function()
          local again = box:claim("orders", 10)
          return again[1] and assert.same({ "a1" }, ids(again))
        end)
      end))

      it("holds back the key of one in doubt until that is decided", with_box(function(box)
        for _, id in ipairs { "a1", "a2" } do put(box, id, { key = "a" }) end
        local first = claim_one(box)
        box:start(first)
        box:in_doubt(first, { error = "reset" })
        assert.same({}, box:claim("orders", 10))
        assert.equal(1, box:delivered(first.number))
        assert.same({ "a2" }, ids(box:claim("orders", 10)))
      end))

      it("gives the same key of two senders to both", with_box(function(box)
        put(box, "1", { key = "k" })
        put(box, "2", { key = "k", sender = "invoices" })
        assert.same({ "1" }, ids(box:claim("orders", 10)))
        assert.same({ "2" }, ids(box:claim("invoices", 10)))
      end))

      it("finds the next key behind many that are held back", with_box(function(box)
        local tasks = {}
        for t = 1, 32 do
          tasks[t] = core.task.spawn(function()
            for i = 1, 80 do put(box, t .. "-" .. i, { key = "held" }) end
          end)
        end
        for _, task in ipairs(tasks) do task:join() end
        put(box, "free", { key = "free" })
        local list = box:claim("orders", 10)
        assert.equal(1, #list)
        assert.equal("held", list[1].key)
        assert.same({ "free" }, ids(box:claim("orders", 10)))
        box:delivered(list)
        assert.equal(1, #box:claim("orders", 10))
      end))
    end)

    describe("a change", function()
      it("only happens in a fitting state", with_box(function(box)
        put(box, "a")
        local msg = claim_one(box)
        assert.equal(1, box:start(msg))
        assert.equal(0, box:start(msg))
        assert.equal("started", box:show(msg.number).state)
        assert.equal(0, box:drop(msg))
        assert.equal(0, box:requeue(msg))
        assert.equal(1, box:rejected(msg, { error = "bad", code = "call.rejected", status = 400 }))
        assert.equal(0, box:delivered(msg))
        assert.equal(0, box:retry(msg))
        assert.equal(0, box:delivered(4711))
        assert.equal("rejected", box:show(msg.number).state)
      end))

      it("goes by another clock when it is told", with_box(function(box)
        put(box, "a")
        local now = os.time()
        box:retry(claim_one(box), { not_before = now + 3600 })
        assert.same({}, (assert(box:claim("orders", 1))))
        assert.equal(1, #assert(box:claim("orders", 1, now + 3601)))
      end))

      it("does not count what was started and not tried", with_box(function(box)
        put(box, "a")
        local msg = claim_one(box)
        box:start(msg)
        assert.equal(1, box:show(msg.number).attempts)
        box:retry(msg, { attempted = false })
        assert.equal(0, claim_one(box).attempts)
      end))

      it("keeps the history", with_box(function(box)
        put(box, "a")
        local msg = claim_one(box)
        box:start(msg)
        box:retry(msg, { began = 1000, ended = 1001.5, status = 503, code = "call.unavailable",
          error = "try later" })
        msg = claim_one(box)
        assert.equal(1, msg.attempts)
        assert.equal(503, msg.status)
        box:retry(msg, { attempted = false })
        msg = claim_one(box)
        assert.equal(1, msg.attempts)
        box:in_doubt(msg, { error = require "iflow.error" { code = "call.in_doubt",
          message = "no answer" } })
        box:delivered(msg, { status = 200, message_id = "AGd" })
        msg = box:show(msg.number)
        assert.equal("delivered", msg.state)
        assert.equal(2, msg.attempts)
        assert.is_nil(msg.body)
        assert.equal(3, #msg.history)
        assert.same({ state = "ready", attempt = 1, began = 1000, ended = 1001.5, status = 503,
          code = "call.unavailable", error = "try later" }, msg.history[1])
        assert.equal("in_doubt", msg.history[2].state)
        assert.equal("call.in_doubt", msg.history[2].code)
        assert.equal("no answer", msg.history[2].error)
        assert.equal(2, msg.history[2].attempt)
        assert.equal("AGd", msg.history[3].message_id)
      end))

      it("keeps no more than the last 100 of a history", with_box(function(box)
        put(box, "a")
        for i = 1, 120 do
          assert.equal(1, box:retry(claim_one(box), { error = "attempt " .. i }))
        end
        local history = box:show(1).history
        assert.equal(100, #history)
        assert.equal("attempt 120", history[100].error)
      end))

      it("can be many at once, each with its outcome", with_box(function(box)
        for i = 1, 50 do put(box, "m" .. i) end
        local list, what = box:claim("orders", 50), {}
        for i, msg in ipairs(list) do
          what[i] = { number = msg.number, outcome = { status = 200 + i } }
        end
        assert.equal(50, box:delivered(what))
        assert.equal(217, box:show(list[17].number).status)
        assert.equal(50, box:counts().delivered)
        assert.equal(0, box:counts().claimed)
        assert.equal(0, box:delivered {})
      end))

      it("sends dead letters again, with the same id and a new body", with_box(function(box)
        put(box, "a", { headers = { X = "1" } })
        local msg = claim_one(box)
        box:rejected(msg, { error = "bad" })
        assert.same({}, box:claim("orders", 1))
        assert.equal(1, box:requeue(msg, { body = "edited", headers = { X = "2" } }))
        msg = claim_one(box)
        assert.equal("a", msg.id)
        assert.equal("edited", msg.body)
        assert.same({ X = "2" }, msg.headers)
        assert.equal(6, box:counts().bytes)
        box:rejected(msg)
        box:requeue(msg, { not_before = core.task.now() + 3600 })
        local list, next_at = box:claim("orders", 1)
        assert.same({}, list)
        assert.is_true(next_at > core.task.now() + 3000)
        box:requeue(msg)
        assert.equal("edited", claim_one(box).body)
      end))

      it("of a dead letter does not overtake one of its key in flight", with_box(function(box)
        for _, id in ipairs { "a1", "a2", "a3" } do put(box, id, { key = "a" }) end
        local first = claim_one(box)
        box:rejected(first)
        local second = claim_one(box)
        box:requeue(first)
        assert.same({}, box:claim("orders", 10))
        box:retry(second, { not_before = 1 })
        assert.same({ "a1" }, ids(box:claim("orders", 10)))
        box:delivered(first)
        assert.same({ "a2" }, ids(box:claim("orders", 10)))
      end))

      it("drops for good", with_box(function(box)
        put(box, "a")
        put(box, "b")
        assert.equal(0, box:drop(claim_one(box)))
        assert.equal(1, box:drop(2))
        assert.is_nil(box:show(2))
        assert.equal("accepted", put(box, "b"))
        assert.equal(2, box:counts().ready)
      end))
    end)

    local kit = { describe = describe, it = it, with_box = with_box, put = put, ids = ids,
      claim_one = claim_one, open = open }
    list_conformance(kit)
    doubt_conformance(kit)
    order_conformance(kit)
    note_conformance(kit)

    describe("stats", function()
      it("counts by sender, state and age", with_box(function(box)
        for i = 1, 3 do put(box, "m" .. i, { key = "k" }) end
        put(box, "x", { sender = "zzz" })
        box:start(claim_one(box))
        local stats = box:stats()
        table.sort(stats, function(a, b) return a.sender < b.sender end)
        assert.equal(2, #stats)
        assert.equal(1, stats[1].started)
        assert.equal(2, stats[1].ready)
        assert.equal(2, stats[1].blocked)
        assert.same({ 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, stats[1].ages)
        assert.is_true(core.task.now() - stats[1].oldest < 60)
        assert.same({ ready = 3, started = 1, in_doubt = 0, rejected = 0, delivered = 0,
          claimed = 1, messages = 4, bytes = 3 * #"body of m1" + #"body of x" }, box:counts())
      end))
    end)

    describe("the ceiling", function()
      it("refuses what is above it, and still knows ids", with_box(function(box)
        put(box, "a")
        put(box, "b")
        local ok, err = put(box, "c")
        assert.is_nil(ok)
        assert.equal("outbox.full", err.code)
        assert.is_true(err.retryable)
        assert.equal("known", put(box, "a"))
        box:delivered(claim_one(box))
        assert.equal("accepted", put(box, "c"))
      end, { max_messages = 2 }))

      it("counts bytes of bodies", with_box(function(box)
        put(box, "a", { body = ("x"):rep(60) })
        assert.equal("outbox.full", select(2, put(box, "b", { body = ("x"):rep(41) })).code)
        assert.equal("accepted", put(box, "b", { body = ("x"):rep(40) }))
      end, { max_bytes = 100 }))

      it("is told to each of many that come at once", with_box(function(box)
        local results, tasks = {}, {}
        for i = 1, 200 do
          tasks[i] = core.task.spawn(function()
            local busy = os.clock() + (i % 50 == 0 and 0.02 or 0)
            repeat until os.clock() >= busy -- longer than the outbox waits for the others
            local state, err = put(box, ("m%03d"):format(i))
            results[i] = state or err.code
          end)
        end
        for _, task in ipairs(tasks) do task:join() end
        local expected = {}
        for i = 1, 200 do expected[i] = i <= 150 and "accepted" or "outbox.full" end
        assert.same(expected, results)
        local found = ids(assert(box:list { limit = 1000 }))
        assert.equal(150, #found)
        assert.same({ "m001", "m150" }, { found[1], found[150] })
      end, { max_messages = 150 }))

      it("lets producers wait for room, in their order", with_box(function(box)
        put(box, "first")
        local order, tasks = {}, {}
        for i = 1, 3 do
          tasks[i] = core.task.spawn(function()
            assert.equal("accepted", put(box, "w" .. i, { wait = "60s" }))
            order[#order + 1] = i
            return true
          end)
        end
        for _ = 1, 4 do
          local msg
          process.wait_for("a message", function()
            msg = box:claim("orders", 1)[1]
            return msg
          end)
          box:delivered(msg)
        end
        for _, task in ipairs(tasks) do assert(task:join()) end
        assert.same({ 1, 2, 3 }, order)
      end, { max_messages = 1 }))

      it("gives up after the wait", with_box(function(box)
        put(box, "a")
        local ok, err = put(box, "b", { wait = 0.5 })
        assert.is_nil(ok)
        assert.equal("outbox.full", err.code)
      end, { max_messages = 1 }))
    end)

    describe("a large body", function()
      local large = ("0123456789abcdef"):rep(100)

      it("is a file beside the database until it is delivered", with_box(function(box)
        put(box, "a", { body = large })
        local msg = claim_one(box)
        assert.equal(large, process.read(msg.body.file))
        assert.equal(#large, msg.size)
        assert.equal(#large, box:counts().bytes)
        box:delivered(msg)
        assert.is_nil(process.read(msg.body.file))
        assert.equal(0, box:counts().bytes)
      end, { inline_max = 100 }))

      it("is copied from a file, which stays", with_box(function(box)
        local path = dir:write("input", large)
        put(box, "a", { body = { file = path } })
        put(box, "b", { body = { file = dir:write("small", "tiny") } })
        local list = box:claim("orders", 2)
        assert.equal(large, process.read(list[1].body.file))
        assert.not_equal(path, list[1].body.file)
        assert.equal("tiny", list[2].body)
        assert.equal(large, process.read(path))
        local ok, err = put(box, "c", { body = { file = dir:file "nothing" } })
        assert.is_nil(ok)
        assert.equal("file.not_found", err.code)
      end, { inline_max = 100 }))

      local function files()
        local handle = assert(io.popen("find " .. dir.path .. " -path '*-bodies/*' | wc -l"))
        local n = handle:read "n"
        handle:close()
        return n
      end

      it("leaves no file when it is known, refused or dropped", with_box(function(box)
        put(box, "a", { body = large })
        assert.equal("known", put(box, "a", { body = large }))
        assert.equal("outbox.full", select(2, put(box, "b", { body = large })).code)
        local _, err = put(box, "b", { body = large, wait = 0.5 })
        assert.equal("outbox.full", err.code)
        assert.equal(1, files())
        box:drop(1)
        assert.equal(0, files())
      end, { inline_max = 100, max_messages = 1 }))

      it("takes the place of another one in an edited message", with_box(function(box)
        put(box, "a", { body = large })
        box:rejected(claim_one(box))
        assert.equal(1, box:requeue(1, { body = large .. "!" }))
        assert.equal(1, files())
        assert.equal(0, box:requeue(2, { body = large .. "!" }))
        assert.equal(1, files())
        assert.equal(large .. "!", process.read(claim_one(box).body.file))
      end, { inline_max = 100 }))
    end)

    describe("opening again", function()
      it("finds everything: started ones are in doubt, claimed ones ready", async(function()
        do
          local box <close> = open()
          for i = 1, 5 do put(box, "m" .. i) end
          local list = box:claim("orders", 4)
          box:start(list[1])
          box:delivered(list[2])
          box:rejected(list[3], { code = "call.rejected" })
        end
        local box <close> = open()
        assert.same({ "m4", "m5" }, ids(box:claim("orders", 10)))
        local counts = box:counts()
        assert.equal(1, counts.in_doubt)
        assert.equal(1, counts.rejected)
        assert.equal(1, counts.delivered)
        local msg = box:show(1)
        assert.equal("in_doubt", msg.state)
        assert.equal("outbox.interrupted", msg.code)
        assert.equal("outbox.interrupted", msg.history[1].code)
        assert.equal("known", put(box, "m2"))
      end))

      it("never gives a number twice", async(function()
        local last = 0
        for round = 1, 3 do
          local box <close> = open { retention = 0 }
          for i = 1, 3 do put(box, round .. "-" .. i) end
          local list = box:claim("orders", 10)
          for _, number in ipairs(numbers(list)) do
            assert.is_true(number > last)
            last = number
          end
          box:delivered(list)
        end
      end))

      it("forgets delivered messages after their retention", async(function()
        local box <close> = open { retention = 1 }
        put(box, "a")
        put(box, "b")
        box:delivered(claim_one(box))
        process.wait_for("the message to go", function() return box:counts().delivered == 0 end)
        assert.is_nil(box:show(1))
        assert.equal(1, box:counts().ready)
      end))

      it("keeps no more delivered messages than the ceiling allows", async(function()
        local box <close> = open { retention = 4, max_messages = 2 }
        for i = 1, 5 do
          put(box, "m" .. i)
          box:delivered(claim_one(box))
        end
        process.wait_for("some to go", function() return box:counts().delivered <= 2 end)
        assert.is_nil(box:show(1))
      end))

      it("is refused while it is open", async(function()
        local box <close> = open()
        local options = options_in(dir)
        options.lock_wait = 0
        local second, err = outbox.open(options)
        assert.is_nil(second)
        assert.equal("outbox.locked", err.code)
        assert.equal("accepted", put(box, "a"))
      end))
    end)

    describe("close", function()
      it("can be repeated and ends use", async(function()
        local box = open()
        put(box, "a")
        box:close()
        box:close()
        assert.error_matches(function() box:counts() end, "is closed")
      end))

      it("finishes what was asked before", async(function()
        local box = open()
        local tasks, accepted = {}, 0
        for i = 1, 100 do
          tasks[i] = core.task.spawn(function()
            if put(box, "m" .. i) == "accepted" then accepted = accepted + 1 end
          end)
        end
        core.task.sleep(0)
        box:close()
        for _, task in ipairs(tasks) do task:join() end
        local again <close> = open()
        assert.equal(accepted, again:counts().ready)
      end))

      it("answers those who wait for room", async(function()
        local box = open { max_messages = 1 }
        put(box, "a")
        local waiting = core.task.spawn(function() return put(box, "b", { wait = "10m" }) end)
        box:counts()
        box:counts()
        box:close()
        local ok, err = waiting:join()
        assert.is_nil(ok)
        assert.equal("outbox.full", err.code)
      end))

      it("ends what waits behind others of its key", async(function()
        local box = open { inline_max = 1000 }
        local tasks = {}
        for i = 1, 6 do
          tasks[i] = core.task.spawn(function()
            return put(box, "m" .. i, { key = "k", body = ("x"):rep(i % 2 * 5000) })
          end)
        end
        core.task.sleep(0)
        box:close()
        for i = 1, 6 do assert.equal("accepted", tasks[i]:join()) end
        local again <close> = open()
        assert.equal(6, again:counts().ready)
      end))

      it("happens to a forgotten outbox, too", async(function()
        put(open(), "a")
        collectgarbage()
        collectgarbage()
        local box <close> = open { lock_wait = "30s" }
        assert.equal(1, box:counts().ready)
      end))
    end)

    describe("a cancelled task", function()
      it("leaves no claim behind", with_box(function(box)
        for i = 1, 3 do put(box, "m" .. i) end
        local mine
        local task = core.task.spawn(function() mine = box:claim("orders", 3) end)
        core.task.sleep(0)
        task:cancel()
        task:join()
        if mine then box:release(mine) end -- it was quicker
        local found = {}
        process.wait_for("the messages", function()
          for _, msg in ipairs(box:claim("orders", 3)) do found[#found + 1] = msg.id end
          return #found == 3
        end)
        table.sort(found)
        assert.same({ "m1", "m2", "m3" }, found)
      end))

      it("that waited for room takes none", with_box(function(box)
        put(box, "a")
        local task = core.task.spawn(function() put(box, "b", { wait = "10m" }) end)
        box:counts()
        box:counts()
        task:cancel()
        box:delivered(claim_one(box))
        assert.equal("accepted", put(box, "c"))
      end, { max_messages = 1 }))
    end)
  end)
end
