-- Lines of standard input over a real outbox; the input itself is the spec's. A real process with a
-- real pipe is in spec/system/files_spec.lua.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local registry = require "iflow.registry"
local services = require "iflow.service"

-- An input that gives these pieces, then its end; or, with open = true, nothing more.
local function input_of(pieces, open)
  local self = { closed = false, read_so_far = 0 }
  function self.read()
    core.task.sleep(0)
    self.read_so_far = self.read_so_far + 1
    local piece = pieces[self.read_so_far]
    if not piece and open then core.task.park() end
    return piece
  end
  function self.close() self.closed = true end
  return self
end

local world = {}
world.__index = world

local function start(options, pieces, more)
  more = more or {}
  local self = setmetatable({ dir = process.tempdir(), reader = core.file.reader }, world)
  self.before = registry.install(registry.new())
  iflow.sender "orders" { to = "/orders", transform = more.transform, order_by = more.order_by }
  self.service = assert(services.new { outbox = self.dir:file "outbox.db",
    outbox_options = more.outbox })
  self.input = input_of(pieces, more.open)
  core.file.reader = function() return self.input end
  self.running = assert(iflow.stdin(options):start(self.service))
  return self
end

function world:__close()
  self.running:stop(0)
  core.file.reader = self.reader
  self.service:stop(0)
  registry.install(self.before)
  self.dir:close()
end

function world:ended()
  process.wait_for("the end", function() return self.running:status().ended end)
end

function world:bodies(state)
  local list = assert(self.service.box:list { bodies = true, limit = 1000, state = state })
  for i, msg in ipairs(list) do list[i] = msg.body end
  return list
end

describe("iflow.stdin", function()
  it("is checked at the line that defines it", function()
    local before = registry.install(registry.new())
    local _ <close> = setmetatable({}, { __close = function() registry.install(before) end })
    raises("either", function() iflow.stdin {} end)
    raises("either", function() iflow.stdin { sender = "a", run = print } end)
    raises("unknown option", function() iflow.stdin { sneder = "a" } end)
    raises("no name", function() iflow.stdin { sender = "a", name = "" } end)
    local trigger = iflow.stdin { sender = "a" }
    assert.same({ "stdin", "stdin" }, { trigger.kind, trigger.name })
    raises("has a trigger already", function() iflow.stdin { sender = "a", name = "b" } end)
  end)

  it("makes a message of each line, wherever the pieces are cut", async(function()
    local w <close> = start({ sender = "orders" }, { "on", "e\ntw", "o\r\n\nthree" })
    w:ended()
    assert.same({ "one", "two", "three" }, w:bodies())
    assert.same({ 3, 0 }, { w.running:status().lines, w.running:status().rejected })
  end))

  it("makes messages of equal lines", async(function()
    local w <close> = start({ sender = "orders" }, { "a\na\na\n" })
    w:ended()
    assert.same({ "a", "a", "a" }, w:bodies())
  end))

  it("finds the sender by a function, which may refuse", async(function()
    local w <close> = start({ sender = function(line)
      if line == "b" then return iflow.reject "not b" end
      return line == "c" and "nobody" or "orders"
    end }, { "a\nb\nc\nd\n" })
    w:ended()
    assert.same({ "a", "d" }, w:bodies())
    assert.equal(2, w.running:status().rejected)
  end))

  it("makes dead letters of what transforms refuse", async(function()
    local w <close> = start({ sender = "orders" }, { "a\nb\n" }, { transform = { function(msg)
      if msg.body == "b" then return iflow.reject "not b" end
      return msg
    end } })
    w:ended()
    assert.same({ { "a" }, { "b" } }, { w:bodies "ready", w:bodies "rejected" })
    assert.equal(1, w.running:status().rejected)
  end))

  it("reads no further while the outbox is full, and keeps the order of a key", async(function()
    local pieces = {}
    for i = 1, 200 do pieces[i] = i .. "\n" end
    local w <close> = start({ sender = "orders" }, pieces, { outbox = { max_messages = 1 },
      order_by = function() return "all" end })
    for i = 1, 10 do
      process.wait_for("line " .. i, function() return #w:bodies "ready" == 1 end)
      assert.same({ tostring(i) }, w:bodies "ready")
      assert.is_true(w.input.read_so_far <= i + 66)
      w.service.box:delivered(w.service.box:claim("orders", 1))
    end
  end))

  it("keeps a line until the outbox takes it", async(function()
    local w <close> = start({ sender = "orders" }, { "a\n" }, { open = true })
    local box = w.service.box
    local enqueue, tries = getmetatable(box).__index.enqueue, 0
    function box.enqueue(...)
      tries = tries + 1
      if tries == 1 then
        return nil, iflow.error { code = "outbox.disk_full", message = "no room" }
      end
      return enqueue(...)
    end
    process.wait_for("the line", function() return #w:bodies() == 1 end)
    assert.equal(2, tries)
  end))

  it("stops: what was read is stored, half a line is not", async(function()
    local w <close> = start({ sender = "orders" }, { "a\nb\nhal" }, { open = true })
    process.wait_for("the lines", function() return w.running:status().lines == 2 end)
    w.running:stop(5)
    w.running:stop(5)
    assert.is_true(w.input.closed)
    assert.is_false(w.running:status().ended)
    assert.same({ "a", "b" }, w:bodies())
  end))
end)
