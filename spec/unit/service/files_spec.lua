-- Drop folders over a real outbox and real directories; nothing is delivered here.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local registry = require "iflow.registry"
local services = require "iflow.service"
local size = require "spec.support.size"

local file = core.file

local function defined(fn)
  local before = registry.install(registry.new())
  local ok, err = pcall(fn)
  registry.install(before)
  if not ok then error(err, 0) end
end

-- A directory with inbox, archive and failed, and an outbox.
local world = {}
world.__index = world

local function new_world(options)
  local self = setmetatable({ dir = process.tempdir() }, world)
  self.before = registry.install(registry.new())
  assert(file.mkdir(self:path "inbox"))
  self.options = options or {}
  iflow.sender "orders" { to = "/orders", transform = self.options.transform }
  self:open()
  return self
end

function world:path(name) return self.dir.path .. "/" .. name end

function world:open()
  self.service = assert(services.new { outbox = self:path "outbox.db",
    outbox_options = self.options.outbox })
end

-- Defines it and starts it: running | nil, err.
function world:start(options)
  local all = { self:path "inbox/*.csv", done = self:path "archive", failed = self:path "failed",
    settle = 0, sender = not (options or {}).run and "orders" or nil }
  for name, value in pairs(options or {}) do all[name] = value end
  registry.current().triggers = {}
  self.trigger = iflow.files(all)
  local err
  self.running, err = self.trigger:start(self.service)
  return self.running, err
end

-- As after a restart: another outbox object, and a registry that still knows the sender.
function world:restart(options)
  if self.running then self.running:stop(5) end
  self.service:stop(0)
  self:open()
  return self:start(options)
end

function world:__close()
  if self.running then self.running:stop(0) end
  self.service:stop(0)
  registry.install(self.before)
  self.dir:close()
end

function world:put(name, text)
  assert(file.write(self:path "staged", text, "0600")) -- its own temporary file is seen by "*"
  assert(file.rename(self:path "staged", self:path(name), { replace = true }))
end

function world:list(name) return file.list(self:path(name)) end

-- Waits until the directory has these files.
function world:wait(name, ...)
  local wanted = table.concat({ ... }, " ")
  process.wait_for(("'%s' in %s"):format(wanted, name), function()
    return file.stat(self:path(name)) and table.concat(self:list(name), " ") == wanted
  end)
end

-- Bodies of all messages, in their order.
function world:bodies(state)
  local bodies = {}
  for i, msg in ipairs(assert(self.service.box:list { bodies = true, limit = 1000,
    state = state })) do
    local body = msg.body
    bodies[i] = type(body) == "table" and process.read(body.file) or body
  end
  return bodies
end

local lines = { iflow.transform.lines {} }

describe("iflow.files", function()
  local given = { "inbox/*.csv", done = "archive/", failed = "failed/", sender = "orders" }

  local function with(over)
    local all = {}
    for key, value in pairs(given) do all[key] = value end
    for key, value in pairs(over) do all[key] = value end
    if over.run then all.sender = nil end
    return all
  end

  it("takes several patterns and makes a name of the first", function()
    defined(function()
      local trigger = iflow.files(with { [2] = "in/?.xml" })
      assert.same({ "files", "inbox-csv" }, { trigger.kind, trigger.name })
      assert.equal(2, #trigger.options.patterns)
      assert.equal(trigger, registry.current().triggers[1])
      assert.equal("x", iflow.files(with { name = "x" }).name)
    end)
  end)

  it("raises at the line that is wrong", function()
    local none = {}
    for _, case in ipairs {
      { "which files", { [1] = none } }, { "got number", { [1] = 7 } },
      { "names a folder", { [1] = "inbox/" } }, { "last part", { [1] = "in*/x" } },
      { "done", { done = none } }, { "failed", { failed = 1 } },
      { "unknown option 'dnoe'", { dnoe = "x" } }, { "sender", { sender = 7 } },
      { "either", { sender = none } }, { "settle", { settle = "soon" } },
      { "settle", { settle = "2h" } }, { "rescan", { rescan = 0 } },
      { "taken again", { done = "./inbox/" } }, { "taken again", { failed = "inbox" } },
      { "no name", { name = "a b" } },
    } do
      local options = with(case[2])
      for key, value in pairs(options) do
        if value == none then options[key] = nil end
      end
      defined(function() raises(case[1], function() iflow.files(options) end) end)
    end
    defined(function()
      iflow.files(given)
      raises("defined twice", function() iflow.files(given) end)
    end)
  end)
end)

describe("a drop folder", function()
  it("hands each file on and moves it to done, the oldest first", async(function()
    local w <close> = new_world()
    for i, name in ipairs { "b", "c", "a" } do
      assert(file.write(w:path("inbox/" .. name .. ".csv"), name))
      assert(os.execute(("touch -d 2020-01-0%d %s"):format(i, w:path("inbox/" .. name .. ".csv"))))
    end
    assert(w:start())
    w:wait("archive", "a.csv", "b.csv", "c.csv")
    assert.same({}, w:list "inbox")
    assert.same({ "b", "c", "a" }, w:bodies())
    process.wait_for("all to be counted", function() return w.running:status().taken == 3 end)
  end))

  it("sees what is put there later", async(function()
    local w <close> = new_world { transform = lines }
    assert(w:start { rescan = "1h" })
    w:put("inbox/a.csv", "1\n2\n3\n")
    w:wait("archive", "a.csv")
    assert.same({ "1", "2", "3" }, w:bodies())
    w:put("inbox/b.csv", "4\n")
    w:wait("archive", "a.csv", "b.csv")
    assert.equal(4, #w:bodies())
  end))

  it("leaves alone what is none of its files", async(function()
    local w <close> = new_world()
    assert(file.mkdir(w:path "inbox/dir.csv"))
    for _, name in ipairs { ".a.csv", "a.tmp", "a.csv.part", "a.csv.TMP", "a.txt" } do
      assert(file.write(w:path("inbox/" .. name), "x"))
    end
    assert(file.write(w:path "outside", "x"))
    assert(os.execute(("ln -s ../outside %s"):format(w:path "inbox/link.csv")))
    assert(w:start { w:path "inbox/*" , w:path "inbox/*.csv" })
    w:wait("archive", "a.txt")
    assert.same({ ".a.csv", "a.csv.TMP", "a.csv.part", "a.tmp", "dir.csv", "link.csv" },
      w:list "inbox")
  end))

  it("waits until a file stays the same", async(function()
    local w <close> = new_world()
    assert(w:start { settle = "0.5s" })
    local path = w:path "inbox/a.csv"
    local handle <close> = assert(io.open(path, "w"))
    for i = 1, 8 do
      handle:write(i, "\n")
      handle:flush()
      core.task.sleep(0.1)
    end
    handle:write "end"
    handle:close()
    w:wait("archive", "a.csv")
    assert.same({ "1\n2\n3\n4\n5\n6\n7\n8\nend" }, w:bodies())
  end))

  it("never replaces a file in done", async(function()
    local w <close> = new_world()
    assert(w:start())
    for i = 1, 3 do
      w:put("inbox/a.csv", "same")
      process.wait_for("the file to be moved", function() return #w:list "archive" == i end)
    end
    assert.same({ "same", "same", "same" }, w:bodies())
    for _, name in ipairs(w:list "archive") do
      assert.is_truthy(name == "a.csv" or name:find "^a%-%d+T%d+Z%-?%d*%.csv$", name)
    end
  end))

  it("sends the same file again when somebody puts it back", async(function()
    local w <close> = new_world()
    assert(w:start())
    w:put("inbox/a.csv", "x")
    w:wait("archive", "a.csv")
    assert(os.rename(w:path "archive/a.csv", w:path "inbox/a.csv"))
    process.wait_for("the second message", function() return #w:bodies() == 2 end)
    w:wait("archive", "a.csv")
  end))

  it("makes dead letters of single records", async(function()
    local w <close> = new_world { transform = { iflow.transform.lines {}, function(msg)
      if msg.body == "bad" then return iflow.reject "no good" end
      return msg
    end } }
    assert(w:start())
    w:put("inbox/a.csv", "1\nbad\n3\n")
    w:wait("archive", "a.csv")
    assert.same({ "1", "3" }, w:bodies "ready")
    assert.same({ "bad" }, w:bodies "rejected")
  end))

  it("moves what is rejected as a whole to failed, and says why", async(function()
    local w <close> = new_world { transform = { function() return iflow.reject "no order" end } }
    assert(w:start())
    w:put("inbox/a.csv", "x")
    w:wait("failed", "a.csv", "a.csv.error")
    local text = process.read(w:path "failed/a.csv.error")
    for _, part in ipairs { "Nothing of this file was sent", "no order", "inbox/a.csv",
      "to do:" } do
      assert.is_truthy(text:find(part, 1, true), text)
    end
    assert.same({}, w:bodies())
    assert.equal(1, w.running:status().failed)
  end))

  it("finds the sender by a function of the file", async(function()
    local w <close> = new_world()
    local seen
    assert(w:start { sender = function(f)
      seen = f
      if f.name == "a.csv" then return "orders" end
      if f.name == "b.csv" then return iflow.reject "not that one" end
      return "nobody"
    end })
    w:put("inbox/a.csv", "xyz")
    w:wait("archive", "a.csv")
    assert.same({ w:path "inbox/a.csv", "a.csv", 3 }, { seen.path, seen.name, seen.size })
    assert.is_string(seen.id)
    w:put("inbox/b.csv", "x")
    w:wait("failed", "b.csv", "b.csv.error")
    w:put("inbox/c.csv", "x")
    w:wait("failed", "b.csv", "b.csv.error", "c.csv", "c.csv.error")
    assert.same({ "xyz" }, w:bodies())
  end))

  it("runs a function of the script, which may ask for another time", async(function()
    local w <close> = new_world()
    local calls = {}
    assert(w:start { run = function(f)
      calls[#calls + 1] = f.id
      if #calls == 1 then return iflow.retry_after(0.1) end
      if f.name == "b.csv" then error "no use" end
      if f.name == "c.csv" then return nil, iflow.error { code = "file.io", message = "no" } end
    end })
    w:put("inbox/a.csv", "x")
    w:wait("archive", "a.csv")
    assert.equal(2, #calls)
    assert.equal(calls[1], calls[2])
    w:put("inbox/b.csv", "x")
    w:put("inbox/c.csv", "x")
    w:wait("failed", "b.csv", "b.csv.error", "c.csv", "c.csv.error")
  end))

  it("makes done and failed, and names the folder that is missing", async(function()
    local w <close> = new_world()
    assert(w:start())
    assert.same({ "archive", "failed", "inbox" }, (function()
      local found = {}
      for _, name in ipairs(w:list ".") do
        if not name:find "^outbox" then found[#found + 1] = name end
      end
      return found
    end)())
    w.running:stop(5)
    local running, err = w:start { w:path "nowhere/*.csv" }
    assert.is_nil(running)
    assert.equal("file.not_found", err.code)
    assert.is_truthy(err.message:find("nowhere", 1, true))
    assert(os.execute(("ln -s inbox %s"):format(w:path "same")))
    running, err = w:start { done = w:path "same" }
    assert.is_nil(running)
    assert.equal("usage.invalid", err.code)
  end))

  it("goes on when its folder is removed and made again", async(function()
    local w <close> = new_world()
    assert(w:start { rescan = "0.5s" })
    assert(file.remove(w:path "inbox"))
    process.wait_for("the trouble", function() return w.running:status().why end)
    assert(file.mkdir(w:path "inbox"))
    w:put("inbox/a.csv", "x")
    w:wait("archive", "a.csv")
    assert.is_nil(w.running:status().why)
    w:put("inbox/b.csv", "x")
    w:wait("archive", "a.csv", "b.csv")
  end))

  it("looks by itself where nothing can be watched", async(function()
    local w <close> = new_world()
    local watch = file.watch
    local _ <close> = setmetatable({}, { __close = function() file.watch = watch end })
    function file.watch()
      return nil, iflow.error { code = "system.failed", message = "no more watches" }
    end
    assert(w:start { rescan = "0.5s" })
    core.task.sleep(0.1)
    w:put("inbox/a.csv", "x")
    w:wait("archive", "a.csv")
    assert.is_nil(w.running:status().why)
  end))

  it("moves to another file system", async(function()
    local w <close> = new_world()
    local other = process.run({ "mktemp", "-d", "/dev/shm/iflow-spec.XXXXXX" }).out:match "^(%S+)"
    local _ <close> = setmetatable({}, { __close = function()
      file.remove(other, { recursive = true })
    end })
    assert(w:start { done = other })
    w:put("inbox/a.csv", "x")
    process.wait_for("the file", function() return file.read(other .. "/a.csv") == "x" end)
    process.wait_for("its removal", function() return #w:list "inbox" == 0 end)
  end))
end)

-- What goes wrong -------------------------------------------------------------------------------

local function error_text(w, name) return process.read(w:path("failed/" .. name .. ".error")) end

-- Transforms that do this, and nothing else.
local function stepping(step)
  return { function(msg)
    step(msg)
    return msg
  end }
end

describe("a file of a drop folder", function()
  local identity = require "iflow.service.files.identity"

  it("is the one it was, or not", function()
    local before = { inode = 1, size = 2, mtime_ns = 3, device = 4 }
    for expected, now in pairs {
      same = { inode = 1, size = 2, mtime_ns = 3, device = 5 },
      changed = { inode = 1, size = 2, mtime_ns = 4, device = 4 },
      unsure = { inode = 2, size = 2, mtime_ns = 3, device = 4 },
      other = { inode = 2, size = 3, mtime_ns = 3, device = 4 },
    } do
      assert.equal(expected, identity.compare(before, now))
    end
  end)
end)

describe("a drop folder in trouble", function()
  it("moves a file to failed that changes while it is read, and tells what was sent", async(
    function()
      local w <close> = new_world()
      iflow.sender "grows" { to = "/x", transform = stepping(function()
        local f <close> = assert(io.open(w:path "inbox/a.csv", "a"))
        f:write "more"
      end) }
      assert(w:start { sender = "grows" })
      w:put("inbox/a.csv", "x")
      w:wait("failed", "a.csv", "a.csv.error")
      assert.is_truthy(error_text(w, "a.csv"):find("1 message accepted", 1, true))
      assert.is_truthy(error_text(w, "a.csv"):find("changed", 1, true))
      assert.equal(1, #w:bodies())
    end))

  it("lets go of a file that is removed meanwhile", async(function()
    local w <close> = new_world()
    iflow.sender "removes" { to = "/x", transform = stepping(function(msg)
      assert(os.remove(msg.body.file))
      msg.body = "kept"
    end) }
    assert(w:start { sender = "removes" })
    w:put("inbox/a.csv", "x")
    process.wait_for("the message", function() return #w:bodies() == 1 end)
    w:put("inbox/b.csv", "x")
    process.wait_for("the other one", function() return #w:bodies() == 2 end)
    process.wait_for("nothing held", function()
      return #w.running.memory.entries == 0 and not w.running.file
    end)
    assert.same({ {}, {} }, { w:list "archive", w:list "failed" })
  end))

  -- Until it can be moved: the directory `done` is not there.
  it("sends a file once that cannot be moved, over restarts, and moves it when it can", async(
    function()
      local w <close> = new_world()
      assert(w:start())
      assert(os.rename(w:path "archive", w:path "away"))
      w:put("inbox/a.csv", "x")
      process.wait_for("the message", function() return #w:bodies() == 1 end)
      process.wait_for("the try", function()
        local entry = w.running.memory.entries[1]
        return entry and entry.at
      end)
      w:put("inbox/b.csv", "y") -- others go on
      process.wait_for("the other one", function() return #w:bodies() == 2 end)
      w.running:stop(5)
      assert.same({ "a.csv", "b.csv" }, w:list "inbox")
      assert(w:restart())
      w:wait("archive", "a.csv", "b.csv")
      assert.equal(2, #w:bodies())
    end))

  it("keeps in mind a file whose directory is not mounted just now", async(function()
    local w <close> = new_world()
    assert(w:start { rescan = 0.1 })
    assert(os.rename(w:path "archive", w:path "away"))
    w:put("inbox/a.csv", "x")
    local entry = process.wait_for("the try", function()
      local found = w.running.memory.entries[1]
      return found and found.at and found
    end)
    assert(os.rename(w:path "inbox/a.csv", w:path "aside"))
    entry.device, entry.at = 0, 0
    process.wait_for("another try", function() return entry.at ~= 0 end)
    assert(os.rename(w:path "aside", w:path "inbox/a.csv"))
    assert(os.rename(w:path "away", w:path "archive"))
    entry.at = 0
    w:wait("archive", "a.csv")
    assert.equal(1, #w:bodies())
  end))

  it("knows after a restart what was stored of a file that was under way", async(function()
    local w <close> = new_world()
    assert(w:start { run = function(f)
      assert(iflow.sender "orders":enqueue(iflow.message.new { body = { file = f.path } },
        { ids = f.id }))
      core.task.park() -- the moment of the crash
    end })
    w:put("inbox/a.csv", "x")
    process.wait_for("the message", function() return #w:bodies() == 1 end)
    w.running:stop(0)
    assert(w:restart())
    w:wait("archive", "a.csv")
    assert.equal(1, #w:bodies())
  end))

  -- Begins a file, stops in the middle, changes it by `change`, and starts again.
  local function interrupted(w, change, options)
    assert(w:start { run = function() core.task.park() end })
    w:put("inbox/a.csv", "x")
    process.wait_for("the file", function() return w.running.file end)
    w.running:stop(0)
    change(w:path "inbox/a.csv")
    assert(w:restart(options))
  end

  it("sends nothing more of a file that was under way and has changed since", async(function()
    local w <close> = new_world()
    interrupted(w, function(path)
      local f <close> = assert(io.open(path, "a"))
      f:write "more"
    end)
    w:wait("failed", "a.csv", "a.csv.error")
    assert.is_truthy(error_text(w, "a.csv"):find("may have been sent", 1, true))
    assert.equal(0, #w:bodies())
  end))

  it("takes another file of the same name for a new one", async(function()
    local w <close> = new_world()
    interrupted(w, function() w:put("inbox/a.csv", "new") end)
    w:wait("archive", "a.csv")
    assert.same({ "new" }, w:bodies())
  end))

  it("leaves it to somebody when the outbox may have forgotten what was sent", async(function()
    local w <close> = new_world { outbox = { retention = 0 } }
    interrupted(w, function() core.task.sleep(0.01) end)
    w:wait("failed", "a.csv", "a.csv.error")
    assert.is_truthy(error_text(w, "a.csv"):find("may have been sent", 1, true))
  end))

  it("moves to failed what it may not read", async(function()
    local w <close> = new_world()
    iflow.sender "blind" { to = "/x", transform = { function()
      return nil, iflow.error { code = "file.no_access", message = "may not be read" }
    end } }
    assert(w:start { sender = "blind" })
    w:put("inbox/a.csv", "x")
    w:wait("failed", "a.csv", "a.csv.error")
  end))

  it("waits while the outbox is full, and sends each file once", async(function()
    local w <close> = new_world { outbox = { max_messages = 1 }, transform = lines }
    assert(w:start())
    w:put("inbox/a.csv", "1\n2\n3\n")
    local stored = {} -- in any order: that is kept only among messages with one order key
    for i = 1, 3 do
      process.wait_for("message " .. i, function() return #w:bodies "ready" == 1 end)
      stored[i] = w:bodies("ready")[1]
      if i < 3 then assert.same({ "a.csv" }, w:list "inbox") end
      w.service.box:delivered(w.service.box:claim("orders", 1))
    end
    w:wait("archive", "a.csv")
    table.sort(stored)
    assert.same({ "1", "2", "3" }, stored)
  end))

  it("tells when the outbox fails, tries again, and goes on", async(function()
    local w <close> = new_world()
    assert(w:start())
    local box = w.service.box
    local enqueue, tries = getmetatable(box).__index.enqueue, 0
    function box.enqueue(...)
      tries = tries + 1
      if tries < 3 then
        return nil, iflow.error { code = "outbox.disk_full", message = "no room" }
      end
      return enqueue(...)
    end
    w:put("inbox/a.csv", "x")
    process.wait_for("the reason", function() return w.running:status().why end)
    w:wait("archive", "a.csv")
    assert.equal(3, tries)
    assert.is_nil(w.running:status().why)
    assert.equal(1, #w:bodies())
  end))

  it("does not begin a file that it cannot remember", async(function()
    local w <close> = new_world()
    assert(w:start())
    local box = w.service.box
    local note, fails = getmetatable(box).__index.note, true
    function box.note(...)
      if fails then return nil, iflow.error { code = "outbox.disk_full", message = "no room" } end
      return note(...)
    end
    w:put("inbox/a.csv", "x")
    process.wait_for("the reason", function() return w.running:status().why end)
    assert.same({}, w:bodies())
    fails = false
    w:wait("archive", "a.csv")
    assert.equal(1, #w:bodies())
  end))

  it("refuses a damaged note", async(function()
    local w <close> = new_world()
    assert(w.service.box:note("files/x", '{"files":[{"path":1}]}'))
    local running, err = w:start { name = "x" }
    assert.is_nil(running)
    assert.equal("outbox.corrupt", err.code)
  end))

  it("keeps names that are not UTF-8", async(function()
    local w <close> = new_world()
    assert(w:start())
    assert(os.rename(w:path "archive", w:path "away"))
    w:put("inbox/%41\xE4.csv", "x")
    process.wait_for("the message", function() return #w:bodies() == 1 end)
    assert(w:restart())
    w:wait("archive", "%41\xE4.csv")
    assert.equal(1, #w:bodies())
  end))

  it("gives a file to one trigger where patterns overlap", async(function()
    local w <close> = new_world()
    assert(w:start())
    local first = w.running
    assert(w:start { w:path "inbox/*", name = "other" })
    for i = 1, 20 do w:put(("inbox/%02d.csv"):format(i), tostring(i)) end
    process.wait_for("all", function() return #w:list "archive" == 20 end)
    first:stop(5)
    assert.equal(20, #w:bodies())
  end))

  it("takes many files, each once, in the order of their times", async(function()
    local w <close> = new_world { outbox = { durability = "normal" } }
    local count = size.of(300, 100000)
    for i = 1, count do
      local f <close> = assert(io.open(w:path(("inbox/%06d.csv"):format(i)), "w"))
      f:write(i)
    end
    assert(w:start())
    process.wait_for("all of them", function()
      return w.running:status().taken == count
    end, 3000)
    assert.equal(count, #w:list "archive")
    local after, at = nil, 0
    repeat
      local page = assert(w.service.box:list { bodies = true, limit = 1000, after = after })
      for _, msg in ipairs(page) do
        at = at + 1
        assert.equal(tostring(at), msg.body)
        after = msg.number
      end
    until #page == 0
    assert.equal(count, at)
  end, { limit = 3600 }))
end)
