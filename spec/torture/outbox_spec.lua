-- Torture of the outbox: the n-th C allocation of ours fails, on the loop or on its thread, for
-- every n until nothing is left to fail. Out comes what was asked for, an error of ours, or Lua's
-- own "not enough memory"; what was accepted is there afterwards. Needs the interpreter of the
-- sanitizer build.
local core = require "iflow.core"
local fault = require "fault"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"

-- One life of an outbox: returns how far it came, and the error that ended it.
local function live(path, id)
  local step, ok, list = "open"
  local box, err = outbox.open { path = path, durability = "normal", inline_max = 10,
    lock_wait = "30s" }
  if not box then return step, err end
  local _ <close> = box
  ok, err = box:enqueue { sender = "s", id = id, key = id, body = "small",
    headers = { A = "b" } }
  if not ok then return step, err end
  step = "accepted"
  ok, err = box:enqueue { sender = "s", id = id .. "-2", key = id, body = ("x"):rep(100) }
  if not ok then return step, err end
  list, err = box:claim("s", 10)
  if not list then return step, err end
  ok, err = box:start(list)
  if not ok then return step, err end
  ok, err = box:retry(list, { error = "later", status = 503 })
  if not ok then return step, err end
  ok, err = box:note("last", id)
  if not ok then return step, err end
  ok, err = box:note "last"
  if not ok then return step, err end
  for _, ask in ipairs { "list", "stats", "counts" } do
    ok, err = box[ask](box, ask == "list" and { limit = 1, key = id, id = id,
      sender = "s", code = "*", state = { "ready", "rejected" } } or nil)
    if not ok then return step, err end
  end
  ok, err = box:show(list[1] and list[1].number or 1)
  if not ok and err then return step, err end
  return "all"
end

it("the life of an outbox survives every failure of memory", function()
  local dir <close> = process.tempdir()
  local path, accepted, n, fired = dir:file "outbox.db", {}, 0, true
  while fired do
    n = n + 1
    local id = "m" .. n
    local ok, step, err = pcall(core.task.run, function()
      fault.arm("malloc", n)
      return live(path, id)
    end)
    fired = fault.disarm()
    collectgarbage()
    local what = ("failing allocation %d: %s"):format(n, tostring(ok and err or step))
    if not ok then
      assert.is_truthy(tostring(step):find("memory", 1, true), what)
    elseif step ~= "all" then
      assert.equal("system.no_memory", err and err.code, what)
    end
    if ok and step ~= "open" then accepted[#accepted + 1] = id end
  end
  assert.is_true(n > 40)
  core.task.run(function()
    local box <close> = assert(outbox.open { path = path, lock_wait = "30s" })
    for _, id in ipairs(accepted) do
      assert.equal("known", box:enqueue { sender = "s", id = id, body = "" })
    end
  end)
end)
