-- The commands of `iflow outbox` on real files: with an editor, a terminal, a running service,
-- large bodies and large outboxes.
local async = require "spec.support.async"
local core = require "iflow.core"
local new_control = require "iflow.service.control"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"
local rejects = require "iflow.sender.rejects"
local size = require "spec.support.size"
local story = require "spec.support.outbox_story"

local dir

local function command(...)
  local words = { process.iflow, "outbox", ... }
  words.dir = dir.path
  words.env = { TMPDIR = dir:file "tmp", VISUAL = "", PATH = os.getenv "PATH" }
  return words
end

local function run(...)
  local words = command(...)
  words.timeout = 300
  return process.run(words)
end

-- The JSON a command prints; fails unless it ends with 0.
local function json(...)
  local result = run(...)
  assert.equal(0, result.code, result.err .. result.out)
  return assert(core.json.decode(result.out))
end

-- The code of the error that a command ends with.
local function failure(...)
  local result = run(...)
  assert.not_equal(0, result.code)
  return assert(core.json.decode(result.out)).error
end

local function with_editor(script, ...)
  local path = dir:write("editor", "#!/bin/sh\n" .. script)
  assert(os.execute("chmod +x " .. path))
  local words = command(...)
  words.env.EDITOR = path
  return process.run(words)
end

local function with_box(body)
  core.task.run(function()
    local box <close> = assert(outbox.open { path = dir:file "outbox.db" })
    body(box)
  end)
end

local function message(number)
  local msg
  with_box(function(box) msg = box:show(number) end)
  return msg
end

local function temporary_files() return process.run({ "ls", dir:file "tmp" }).out end

describe("iflow outbox", function()
  before_each(function()
    dir = process.tempdir()
    assert(os.execute("mkdir " .. dir:file "tmp"))
  end)
  after_each(function() dir:close() end)

  local function make_story() core.task.run(story.make, dir:file "outbox.db") end

  describe("retry --edit", function()
    before_each(make_story)

    it("gives the editor a private file with the body, and takes what it leaves", function()
      local result = with_editor([[
        stat -c %a "$1" "$(dirname "$1")" >seen; cat "$1" >>seen; echo "$1" >>seen
        printf '{"order":"4714b"}\n' >"$1"]], "retry", "4", "--edit")
      assert.equal(0, result.code, result.err)
      local mode, dir_mode, text = dir:read "seen":match "^(%d+)\n(%d+)\n(.-)/"
      assert.same({ "600", "700" }, { mode, dir_mode })
      assert.equal('{"order":4714}', text)
      assert.is_truthy(dir:read "seen":find "message%-4%.json\n$")
      local msg = message(4)
      assert.equal('{"order":"4714b"}', msg.body) -- without the line end that the editor added
      assert.same({ "018f-4", "c-18", "application/json", "ready" },
        { msg.id, msg.key, msg.content_type, msg.state })
      assert.equal("", temporary_files())
    end)

    it("keeps headers, source and step; data of a refused message are JSON", function()
      assert.equal(0, with_editor([[sed -i 's/"x7"/7/' "$1"]], "retry", "5", "--edit").code)
      local msg = message(5)
      assert.same({ order = 4715, qty = 7 }, msg.about.data)
      assert.same({ 2, true }, { msg.about.step, msg.about.no_body })
      assert.same({ file = "orders.csv", line = 16 }, msg.source)
      assert.equal(0, with_editor("true", "retry", "1", "--edit", "-H", "X-Try: 2").code)
      msg = message(1)
      assert.same({ Region = "EMEA", Authorization = "Bearer not-to-be-shown", ["X-Try"] = "2" },
        msg.headers)
      assert.equal('{"order":4711}', msg.body)
    end)

    it("does nothing when the editor fails, or leaves nothing", function()
      local before = message(4).changed
      for _, script in ipairs { 'echo x >>"$1"; exit 3', "kill -9 $$", ': >"$1"', 'rm "$1"' } do
        local result = with_editor(script, "retry", "4", "--edit", "--json")
        assert.equal(2, result.code, script .. result.err)
        assert.equal(before, message(4).changed)
        assert.equal("", temporary_files())
      end
    end)

    it("asks when nothing was changed", function()
      assert.equal(2, with_editor("true", "retry", "4", "--edit").code)
      assert.equal("rejected", message(4).state)
      assert.equal(0, with_editor("true", "retry", "4", "--edit", "--yes").code)
      assert.equal("ready", message(4).state)
    end)

    it("keeps the text when it is no JSON, or the message has gone on meanwhile", function()
      local result = with_editor([[echo '{' >"$1"]], "retry", "5", "--edit", "--json")
      local err = assert(core.json.decode(result.out)).error
      assert.equal("usage.invalid", err.code)
      assert.equal("{\n", process.read(err.hint:match "(/%S+%.json)"))
      result = with_editor(process.iflow .. [[ outbox retry 4 && echo mended >"$1"]], "retry", "4",
        "--edit")
      assert.equal(2, result.code)
      assert.equal("mended", process.read(result.err:match "(/%S+%.json)"):match "%S+")
      assert.equal('{"order":4714}', message(4).body)
    end)

    it("makes whole what was lost: bytes for the first step, data for a later one", function()
      with_box(function(box)
        for n, step in ipairs { 1, 2 } do
          assert(box:enqueue { sender = "lost", id = "l" .. n, body = "", about = {
            no_body = true, step = step, lost = "it was too large" } })
        end
      end)
      dir:write("new", '{"a":1}')
      assert.equal(0, run("retry", "l1", "--body", "new").code)
      assert.equal(0, run("retry", "l2", "--body", "new").code)
      local bytes, data = message(10), message(11)
      assert.equal('{"a":1}', bytes.body)
      assert.same({ step = 1 }, bytes.about)
      assert.same({ step = 2, no_body = true, data = { a = 1 } }, data.about)
    end)

    it("takes the new body from a file or standard input, too", function()
      dir:write("new", ("é"):rep(800000))
      assert.equal(0, run("retry", "4", "--body", "new").code)
      assert.equal(1600000, message(4).size)
      assert.equal(0, run("retry", "4", "-H", "X-A: 1", "--yes").code) -- the large body stays
      local msg = message(4)
      assert.equal(1600000, msg.size)
      assert.equal(1600000, core.file.stat(msg.body.file).size)
      local words = command("retry", "4", "--body", "-")
      words.stdin = "typed"
      assert.equal(0, process.run(words).code)
      assert.equal("typed", message(4).body)
      dir:write("empty", "")
      assert.equal("usage.invalid", failure("retry", "4", "--body", "empty", "--json").code)
      assert.equal("file.not_found", failure("retry", "4", "--body", "none", "--json").code)
    end)
  end)

  describe("on a terminal", function()
    before_each(make_story)

    local function answered(text, ...)
      local words = { "python3", "spec/support/answer.py", text, process.iflow, "outbox", ... }
      table.move({ "--outbox", dir:file "outbox.db" }, 1, 2, #words + 1, words)
      return process.run(words)
    end

    it("asks before a message in doubt is sent again, and before one is dropped", function()
      assert.equal(2, answered("\\n", "retry", "3").code)
      assert.equal("in_doubt", message(3).state)
      assert.equal(0, answered("y\\n", "retry", "3").code)
      assert.equal("ready", message(3).state)
      assert.equal(2, answered("no\\n", "drop", "4").code)
      assert.equal(0, answered("YES\\n", "drop", "4").code)
      assert.is_nil(message(4))
    end)

    it("leaves the outbox to others while it waits, and takes back nothing of theirs", function()
      local other = ("!%s outbox retry 4 --outbox %s >/dev/null 2>&1 && echo y"):format(
        process.iflow, dir:file "outbox.db")
      assert.equal(0, answered(other, "drop", "4").code)
      assert.equal("ready", message(4).state)
    end)

    it("can be left with Ctrl-C", function()
      assert.equal(130, answered("\\x03", "drop", "4").code)
      assert.equal("rejected", message(4).state)
    end)
  end)

  it("spreads messages over time", function()
    with_box(function(box)
      for i = 1, 30 do
        assert(box:enqueue { sender = "orders", id = "m" .. i, body = "" })
        assert(box:rejected(assert(box:claim "orders")[1]))
      end
    end)
    assert.equal(30, json("retry", "--all", "--rate", "2/m", "--json").sent_again)
    local list = json("list", "--json").messages
    for i = 2, #list do
      assert.is_true(math.abs(list[i].not_before - list[i - 1].not_before - 30) < 0.01)
    end
    assert.is_true(list[1].not_before <= core.task.now())
  end)

  describe("export", function()
    local text = ("é€𝄞\n\"\\ "):rep(200000) -- characters of 2, 3 and 4 bytes at every place
    local binary = ("\0\xff\xe2\x82abc"):rep(300000)

    local function make()
      with_box(function(box)
        assert(box:enqueue { sender = "orders", id = "text", body = text,
          headers = { A = "ü" }, content_type = "text/plain" })
        assert(box:enqueue { sender = "orders", id = "binary", body = binary, key = "k" })
        assert(box:enqueue { sender = "orders", id = "small", body = "\xff" })
        assert(box:enqueue { sender = "orders", id = "done", body = "1" })
        local list = assert(box:claim("orders", 4))
        assert(box:rejected(list[1], { code = "call.rejected", status = 400 }))
        assert(box:delivered(list[4]))
      end)
    end

    local function entries(path)
      local list = core.task.run(function() return assert(rejects.read(path)) end)
      local found = {}
      for i, entry in ipairs(list) do
        found[i] = { entry.message.id, entry.outcome, entry.message.body }
      end
      return found, list
    end

    it("writes what iflow run --again reads, byte for byte", function()
      make()
      assert.equal(3, json("export", "-o", "out.jsonl", "--json").written)
      local found, list = entries(dir:file "out.jsonl")
      assert.same({ { "text", "rejected", text }, { "binary", "retryable", binary },
        { "small", "retryable", "\xff" } }, found)
      assert.same({ A = "ü" }, list[1].message.headers)
      assert.equal("text/plain", list[1].message.content_type)
      local result = run("export", "small")
      assert.equal(0, result.code)
      assert.equal("small", core.json.decode(result.out).message.id)
    end)

    it("keeps what functions of the sender look at, and why something is lost", function()
      with_box(function(box)
        assert(box:enqueue { sender = "orders", id = "1", body = "b",
          about = { data = { a = 1 } } })
        assert(box:enqueue { sender = "orders", id = "2", body = "",
          about = { no_body = true, step = 1, lost = "its body was a stream" } })
      end)
      local msg = select(2, pcall(core.task.run, function()
        assert.equal(1, json("export", "1", "-o", dir:file "out.jsonl", "--json").written)
        return assert(rejects.read(dir:file "out.jsonl"))[1].message
      end))
      assert.same({ { a = 1 }, "b" }, { msg.data, msg.body })
      assert.equal("its body was a stream", json("export", "2").lost)
    end)

    it("is taken by iflow run --again: bytes as they are, data from their step on", function()
      make_story()
      dir:write("orders.lua", [[local iflow = require "iflow"
        iflow.sender "orders" { to = "/http/orders", service_key = "key.json",
          transform = { iflow.transform.csv {}, iflow.transform.map {},
                        iflow.transform.to_json {} } }]])
      assert.equal(2, json("export", "4", "5", "-o", "again.jsonl", "--json").written)
      local result = process.run { process.iflow, "run", "orders.lua", "--sender", "orders",
        "--again", "again.jsonl", "--dry-run", dir = dir.path }
      assert.equal(0, result.code, result.err)
      assert.is_truthy(result.out:find('\n{"order":4714}\n', 1, true))
      local last = core.json.decode(result.out:match '\n({[^\n]*4715[^\n]*})\n')
      assert.same({ order = 4715, qty = "x7" }, last)
      assert.is_truthy(result.out:find("018f-5", 1, true))
    end)

    it("comes before the drop, which takes what was written", function()
      make()
      local told = json("drop", "--state", "any", "--sender", "orders", "--yes", "--json",
        "--export", "out.jsonl")
      assert.same({ 4, 3 }, { told.dropped, told.written })
      assert.equal(3, #entries(dir:file "out.jsonl"))
      assert.equal(0, #json("list", "--state", "any", "--json").messages)
      assert.equal("", process.run({ "ls", dir:file "outbox.db-bodies" }).out)
    end)

    it("that fails leaves no file, and drops nothing", function()
      make()
      local err = failure("drop", "--state", "any", "--all", "--yes", "--json", "--export",
        "none/out.jsonl")
      assert.equal("file.not_found", err.code)
      assert.equal(4, #json("list", "--state", "any", "--json").messages)
      assert(os.execute("head -c 45000000 /dev/zero >" .. dir:file "huge"))
      with_box(function(box)
        assert(box:enqueue { sender = "orders", id = "h", body = { file = dir:file "huge" } })
      end)
      dir:write("out.jsonl.5.body", "in the way")
      assert.equal("file.exists", failure("drop", "--state", "any", "--all", "--yes", "--json",
        "--export", "out.jsonl").code)
      assert.is_nil(dir:read "out.jsonl")
      assert.equal("in the way", dir:read "out.jsonl.5.body")
      assert.equal(5, #json("list", "--state", "any", "--json").messages)
      local full = process.run { "sh", "-c", process.iflow .. " outbox export >/dev/full",
        dir = dir.path }
      assert.equal(4, full.code)
      assert.is_truthy(full.err:find("file.io", 1, true))
    end)

    it("puts bodies that are too long for a line beside the file", function()
      local huge = dir:file "huge"
      assert(os.execute("head -c 45000000 /dev/zero >" .. huge))
      with_box(function(box)
        assert(box:enqueue { sender = "orders", id = "huge", body = { file = huge } })
      end)
      assert.equal(1, json("export", "-o", dir:file "out.jsonl", "--json").written)
      local found = entries(dir:file "out.jsonl")
      assert.equal(45000000, core.file.stat(found[1][3].file).size)
      assert.equal("0600", core.file.stat(found[1][3].file).mode)
      assert.equal("limit.exceeded", failure("export", "--json").code)
    end)
  end)

  it("leaves the ids of delivered messages alone, however long they are kept", function()
    make_story()
    with_box(function(box) assert(box:counts()) end)
    local sql = "UPDATE message SET changed = 1, created = 1 WHERE state = 4"
    assert.equal(0, process.run({ "sqlite3", dir:file "outbox.db", sql }).code)
    json("stats", "--json")
    assert.equal("delivered", json("show", "6", "--json").state)
  end)

  -- A service that only has a box and its control endpoint.
  local function while_served(body)
    return async(function()
      story.make(dir:file "outbox.db")
      local box <close> = assert(outbox.open { path = dir:file "outbox.db" })
      local woken = {}
      local service = { box = box, registry = { names = { "orders", "invoices" } },
        wake = function(_, name) woken[#woken + 1] = name end,
        status = function() return { ready = true } end }
      local control = assert(new_control { service = service, outbox = dir:file "outbox.db" })
      local _ <close> = setmetatable({}, { __close = function() control:close() end })
      body(box, woken)
    end)
  end

  it("asks the service that holds the outbox", while_served(function(box, woken)
    assert.equal(8, #json("list", "--json").messages)
    assert.same({ 2, 3 }, { #json("list", "--key", "c-17", "--json").messages,
      json("stats", "--json").total.rejected })
    assert.equal(core.crypto.base64(box:show(9).body), json("show", "9", "--json").body_base64)
    assert.equal(0, with_editor([[sed -i s/4714/1/ "$1"]], "retry", "4", "--edit").code)
    assert.equal('{"order":1}', box:show(4).body)
    assert.is_true(#woken > 0)
    assert.same({ in_doubt = 2, rejected = 2 },
      json("retry", "--all", "--yes", "--rate", "1/m", "--json").states)
    assert.equal(0, box:counts().rejected)
    assert.equal(2, json("drop", "7", "9", "--yes", "--json", "--export", "gone").dropped)
    assert.is_nil(box:show(7))
    assert.equal("usage.invalid", failure("show", "7", "--json").code)
    assert.is_nil(run("retry", "1").err:find "no service runs")
  end))

  it("leaves alone what the service is sending", while_served(function(box)
    assert.equal(7, assert(box:claim "orders")[1].number)
    assert.equal("usage.invalid", failure("retry", "7", "--json").code)
    assert.equal(0, json("drop", "7", "--yes", "--json").dropped)
    assert.is_true(json("show", "7", "--json").claimed)
  end))

  describe("with many messages", function()
    local N = size.of(5000, 1000000)
    local TASKS, ROOM = 64, 96 * 1024 -- KiB more than for one message

    -- N messages: a hundredth delivered, the others dead letters.
    local function fill()
      with_box(function(box)
        local tasks = {}
        for t = 1, TASKS do
          tasks[t] = core.task.spawn(function()
            for i = t, N, TASKS do
              assert(box:enqueue { sender = "orders", id = "m" .. i, body = "body " .. i,
                key = i % 7 == 0 and "k" .. i or nil })
            end
          end)
        end
        for _, task in ipairs(tasks) do task:join() end
        for _ = 1, N, 1000 do
          local list, delivered = assert(box:claim("orders", 1000)), {}
          for _, msg in ipairs(list) do
            if msg.number % 100 == 0 then delivered[#delivered + 1] = msg.number end
          end
          assert(box:delivered(delivered))
          for i, msg in ipairs(list) do list[i] = msg.number end
          assert(box:rejected(list, { code = "call.rejected" }))
        end
      end)
    end

    -- KiB of memory that the command needs; fails unless it ends well.
    local function memory_of(...)
      local words = { "python3", "-c", [[import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
sys.stderr.write(done.stderr[-500:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)]], process.iflow, "outbox", ... }
      words.dir, words.timeout = dir.path, 600
      -- What is freed counts: the sanitizers would keep 256 MiB of it.
      words.env = { ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":quarantine_size_mb=1" }
      local result = process.run(words)
      assert.equal(0, result.code, result.err)
      return tonumber(result.out)
    end

    it("needs no more memory", function()
      fill()
      local few = memory_of("list", "--limit", "1")
      for _, words in ipairs {
        { "list", "--limit", "all" }, { "list", "--limit", "all", "--json" }, { "stats" },
        { "retry", "--all", "--dry-run" }, { "export", "-o", "all.jsonl" },
        { "retry", "--all", "--rate", "50/s" },
        { "drop", "--state", "ready", "--newer-than", "30d", "--yes" },
      } do
        local more = memory_of(table.unpack(words)) - few
        assert.is_true(more < ROOM, ("%s: %d KiB more"):format(table.concat(words, " "), more))
      end
      local total = json("stats", "--json").total
      assert.same({ 0, 0, N // 100 }, { total.open, total.rejected, total.delivered })
      assert.equal(N - N // 100, tonumber(process.run({ "wc", "-l", dir:file "all.jsonl" })
        .out:match "%d+"))
    end)
  end)
end)
