-- A disk that is full to the last byte: a service says so, goes on with what it has, starts again,
-- and an operator can drop messages. On a file system of its own; needs root.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

local MIB = 1024 * 1024
local RESERVE = 40 * MIB -- lua/iflow/cmd/serve.lua

-- A file system of that size at `path`, until it is closed.
local function small_disk(path, bytes)
  assert.equal(0, process.run({ "mkdir", path }).code)
  assert.equal(0, process.run({ "mount", "-t", "tmpfs", "-o", ("size=%d"):format(bytes), "tmpfs",
    path }).code)
  return setmetatable({}, { __close = function() process.run { "umount", "-l", path } end })
end

-- Writes to the file until nothing fits.
local function fill(path)
  process.run { "dd", "if=/dev/zero", "of=" .. path, "bs=4096" }
end

local script = [[
local iflow = require "iflow"
iflow.sender "orders" { to = "/http/orders", idempotent = true }
iflow.relay { listen = "127.0.0.1:%d", path = "/orders", sender = "orders" }
]]

local function post(port)
  return assert(core.http.request { url = ("http://127.0.0.1:%d/orders"):format(port),
    method = "POST", body = ("x"):rep(100000), proxy = "" }).status
end

local function states(place, state)
  local box = "disk/outbox.db"
  local result = place:run("outbox", "list", "--outbox", box, "--state", state, "--limit", "all",
    "--json")
  assert.equal(0, result.code, result.err)
  return select(2, result.out:gsub('"number"', ""))
end

describe("a service whose disk is full", function()
  it("says so, delivers and lets operators drop, starts again, and recovers", async(function()
    local held = true
    local place <close> = serve.place { runtime = function(req)
      process.wait_for("the end of the hold", function() return not held end)
      return req:answer(200, {}, "ok")
    end }
    local port = process.free_port()
    place:script("orders.lua", script:format(port))
    local disk <close> = small_disk(place.dir:file "disk", RESERVE + 12 * MIB)
    local filler = place.dir:file "disk/filler"
    local words = { "orders.lua", "--outbox", "disk/outbox.db" }
    do
      local service <close> = place:serve(table.unpack(words))
      assert.equal(202, post(port))
      assert.equal(200, (service:get "/ready"))
      fill(filler)
      while post(port) == 202 do end -- SQLite has some room in its log
      local status, value = service:get "/ready"
      assert.equal(503, status)
      assert.is_truthy(core.json.encode(value.why):find("outbox.disk_full", 1, true))
      service:signal "KILL"
      service:wait()
    end
    fill(filler)
    local service <close> = place:serve(table.unpack(words)) -- with the room that was kept
    local number = place:run("outbox", "list", "--outbox", "disk/outbox.db", "--json").out
      :match '"number":(%d+)'
    assert.is_truthy(number)
    place:run("outbox", "drop", "--outbox", "disk/outbox.db", "--state", "ready", "--yes")
    held = false
    process.wait_for("what is left to be delivered", function()
      return states(place, "ready") == 0 and states(place, "started") == 0
    end)
    assert.is_nil(core.file.stat(place.dir:file "disk/outbox.db-reserve"))
    os.remove(filler)
    process.wait_for("it to take messages again", function()
      return service:get "/ready" == 200 and post(port) == 202
    end)
    assert.equal(RESERVE, core.file.stat(place.dir:file "disk/outbox.db-reserve").size)
    assert.equal(0, service:stop().code)
    assert.is_true(disk ~= nil)
  end))
end)
