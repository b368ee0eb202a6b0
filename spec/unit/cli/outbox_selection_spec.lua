local async = require "spec.support.async"
local clock = require "iflow.clock"
local core = require "iflow.core"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"
local selection = require "iflow.cli.outbox_selection"

local function words(over)
  local args = { message = {}, state = {} }
  for name, value in pairs(over or {}) do args[name] = value end
  return args
end

local function numbers(pages)
  local list = {}
  for page in pages do
    for _, msg in ipairs(page) do list[#list + 1] = msg.number end
  end
  return list
end

describe("outbox_selection", function()
  local dir

  before_each(function() dir = process.tempdir() end)
  after_each(function() dir:close() end)

  -- With 5 messages: 1, 2 rejected, 3 in doubt, 4 ready, 5 ready, of another sender, with id m4.
  local function with_box(body)
    return async(function()
      local box <close> = assert(outbox.open { path = dir:file "outbox.db" })
      for i = 1, 4 do assert(box:enqueue { sender = "orders", id = "m" .. i, body = "12" }) end
      assert(box:enqueue { sender = "invoices", id = "m4", body = "1" })
      local list = assert(box:claim("orders", 3))
      assert(box:rejected { list[1], list[2] })
      assert(box:in_doubt(list[3]))
      body(box)
    end)
  end

  it("finds by number and by id", with_box(function(box)
    assert.equal("m2", selection.find(box, "2").id)
    assert.equal(3, selection.find(box, "m3").number)
    for _, word in ipairs { "99", "0", "m9", "", ("x"):rep(513), "1e1", "-1",
      "99999999999999999999" } do
      local msg, err = selection.find(box, word)
      assert.is_nil(msg)
      assert.equal("usage.invalid", err.code)
    end
  end))

  it("wants the sender when several know the id", with_box(function(box)
    assert.equal("usage.invalid", select(2, selection.find(box, "m4")).code)
    assert.equal(5, selection.find(box, "m4", "invoices").number)
    assert.is_nil(selection.find(box, "1", "invoices"))
  end))

  it("takes an id of digits where no message has that number", with_box(function(box)
    assert(box:enqueue { sender = "orders", id = "4711", body = "" })
    assert.equal(6, selection.find(box, "4711").number)
  end))

  it("takes named messages in their order, once", with_box(function(box)
    local chosen = assert(selection.new({ box = box }, words { message = { "m3", "1", "3" } }))
    assert.same({ 1, 3 }, numbers(chosen:pages_of()))
    assert.same({ 1, 3 }, numbers(chosen:pages_of { bodies = true }))
    assert.equal("12", chosen:pages_of({ bodies = true })()[1].body)
  end))

  it("gives named ones as they are now", with_box(function(box)
    local chosen = assert(selection.new({ box = box }, words { message = { "1", "2", "3" } }))
    assert(box:requeue(1))
    assert(box:drop(2))
    local list = chosen:first(10)
    assert.same({ 1, 3 }, { list[1].number, list[2].number })
    assert.equal("ready", list[1].state)
    assert.equal(1, #chosen:first(1))
    assert.equal(2, chosen:survey().total)
  end))

  it("needs to be told which", with_box(function(box)
    for _, args in ipairs { words(), words { message = { "1" }, all = true },
      words { message = { "1" }, state = { "ready" } }, words { message = { "1" }, key = "k" } } do
      local chosen, err = selection.new({ box = box }, args, nil, "retry")
      assert.is_nil(chosen)
      assert.equal("usage.invalid", err.code)
    end
  end))

  it("has states of its own unless some are named", with_box(function(box)
    local function of(args)
      return numbers(selection.new({ box = box }, args, { "rejected" }):pages_of())
    end
    assert.same({ 1, 2 }, of(words { all = true }))
    assert.same({ 3 }, of(words { state = { "in_doubt" } }))
    assert.same({ 1, 2, 3, 4, 5 }, of(words { state = { "any" } }))
    assert.same({ 3, 4 }, of(words { sender = "orders", state = { "ready", "in_doubt" } }))
  end))

  it("surveys, and then stays with what it has seen", with_box(function(box)
    local chosen = assert(selection.new({ box = box }, words { state = { "any" } }))
    local found = chosen:survey()
    assert.same({ 5, 9, 0 }, { found.total, found.bytes, found.old })
    assert.same({ rejected = 2, in_doubt = 1, ready = 2 }, found.states)
    assert(box:enqueue { sender = "orders", id = "late", body = "" })
    assert.same({ 1, 2, 3, 4, 5 }, numbers(chosen:pages_of()))
  end))

  it("pages", with_box(function(box)
    local filter = selection.filter(words())
    assert.same({ 2, 3 }, numbers(selection.pages(box, filter, { after = 1, limit = 2 })))
    assert.same({ 1, 2 }, numbers(selection.pages(box, filter, { upto = 2 })))
    for i = 1, 2500 do
      core.task.spawn(function() box:enqueue { sender = "many", id = "n" .. i, body = "" } end)
    end
    process.wait_for("all of them", function() return box:counts().messages == 2505 end)
    assert.equal(2505, #numbers(selection.pages(box, filter, {})))
    assert.equal(1234, #numbers(selection.pages(box, filter, { limit = 1234, bodies = true })))
  end))

  it("counts what SAP's duplicate check has forgotten, if it was ever sent", with_box(function(box)
    local real = clock.install(nil)
    local later = setmetatable({ now = function()
      return core.task.now() + selection.DUPLICATE_WINDOW + 60
    end }, { __index = real })
    clock.install(later)
    local _ <close> = setmetatable({}, { __close = function() clock.install(real) end })
    local found = selection.new({ box = box }, words { state = { "any" } }):survey()
    assert.same({ 3, 1 }, { found.old, found.first_old })
  end))
end)
