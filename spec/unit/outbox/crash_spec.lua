-- SIGKILL at random points: what was accepted is there afterwards, what was started is in doubt or
-- decided, what was delivered stays delivered, and order per key is kept. The child says each fact
-- only after the outbox said so; what it was about to do when it died is the only thing unknown.
local async = require "spec.support.async"
local core = require "iflow.core"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"
local size = require "spec.support.size"

local child = [[
local core, outbox = require "iflow.core", require "iflow.outbox"
local path, round = arg[1], arg[2]
io.stdout:setvbuf "no"
core.task.run(function()
  local box = assert(outbox.open { path = path, inline_max = 500, lock_wait = "60s" })
  print "open"
  for t = 1, 16 do
    core.task.spawn(function()
      for i = 1, math.huge do
        local id = ("%s-%d-%d"):format(round, t, i)
        local body = ("x"):rep(i % 7 == 0 and 2000 or 100)
        assert(box:enqueue { sender = "s", id = id, key = "key" .. t, body = body })
        print("accepted " .. id)
      end
    end)
  end
  core.task.spawn(function()
    for i = 1, math.huge do
      assert(box:note("count", round .. " " .. i))
      print("noted " .. round .. " " .. i)
    end
  end)
  while true do
    local list = assert(box:claim("s", 8))
    if #list == 0 then core.task.sleep(0.005) end
    for _, msg in ipairs(list) do
      print("trying " .. msg.id .. " " .. msg.key)
      assert(box:start(msg) == 1)
      print("started " .. msg.id)
      assert(box:delivered(msg, { status = 200 }) == 1)
      print("delivered " .. msg.id)
    end
  end
end)
]]

-- Adds what the output says to the facts: facts[id] is the last thing said of it.
local function read_facts(output, facts)
  local order = {}
  for line in output:gmatch "([^\n]*)\n" do
    local word, id = line:match "^(%a+) (%S+)"
    if id and word ~= "noted" then facts[id] = word == "accepted" and facts[id] or word end
    local key = line:match "^trying %S+ (%S+)"
    if key then
      order[key] = order[key] or {}
      table.insert(order[key], id)
    end
  end
  return order
end

-- In a run, every key's messages are tried in the order they were accepted in it.
local function check_order(order, round)
  for key, list in pairs(order) do
    local last = 0
    for _, id in ipairs(list) do
      local of, i = id:match "^(%d+)%-%d+%-(%d+)$"
      if of == tostring(round) then
        assert.equal(last + 1, tonumber(i), key)
        last = tonumber(i)
      end
    end
  end
end

-- What was written last, or what was just being written.
local function check_note(box, output)
  local round, last
  for of, i in output:gmatch "noted (%d+) (%d+)\n" do round, last = of, tonumber(i) end
  local noted = box:note "count"
  assert.is_truthy(noted == ("%s %d"):format(round, last)
    or noted == ("%s %d"):format(round, last + 1), noted)
end

local fits = {
  accepted = { ready = true, blocked = true },
  trying = { ready = true, in_doubt = true },
  started = { in_doubt = true, delivered = true },
  delivered = { delivered = true },
}

local function check_states(box, facts)
  local seen, after, files = 0, 0, 0
  repeat
    local page = assert(box:list { after = after, limit = 1000, bodies = true })
    for _, msg in ipairs(page) do
      local fact = facts[msg.id] or "accepted" -- it died before it could say so
      assert.is_true(fits[fact][msg.state] or false, msg.id .. ": " .. fact .. " but " .. msg.state)
      if facts[msg.id] then seen = seen + 1 end
      if msg.body and msg.body.file then
        files = files + 1
        assert.equal(2000, #process.read(msg.body.file))
      end
      after = msg.number
    end
  until #page == 0
  local said = 0
  for _ in pairs(facts) do said = said + 1 end
  assert.equal(said, seen)
  return files
end

local function count_files(path)
  local pipe = assert(io.popen("ls " .. path .. "-bodies | wc -l"))
  local n = pipe:read "n"
  pipe:close()
  return n
end

describe("a process that is killed", function()
  it("loses nothing that was accepted, and forgets nothing it did", async(function()
    local dir <close> = process.tempdir()
    local path, facts = dir:file "outbox.db", {}
    local program = dir:write("child.lua", child)
    for round = 1, size.of(4, 100) do
      local helper <close> = process.start { process.lua, program, path, tostring(round) }
      process.wait_for("the first delivery", function()
        assert(helper:alive(), helper:output())
        return helper:output():find "delivered"
      end)
      core.task.sleep(math.random() * 0.3)
      helper:signal "KILL"
      local result = helper:wait()
      assert.equal(137, result.code, result.err)
      check_order(read_facts(result.out, facts), round)
      local box <close> = assert(outbox.open { path = path, lock_wait = "60s" })
      check_note(box, result.out)
      assert.equal(check_states(box, facts), count_files(path))
      for _, msg in ipairs(box:list { state = "in_doubt", limit = 1000 }) do -- as an operator would
        box:delivered(msg.number)
        facts[msg.id] = "delivered"
      end
    end
  end, { limit = size.of(120, 1200) }))
end)
