-- Drop folders and standard input of a real iflow serve.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local serve = require "spec.support.serve"
local size = require "spec.support.size"

local file = core.file

local SENDER = [[
local iflow = require "iflow"
iflow.sender "orders" { to = "/http/orders", idempotent = true,
  headers = { ["X-Line"] = function(msg) return msg.body end },
  transform = { iflow.transform.lines {} } }
]]
local FILES = SENDER .. [[
iflow.files { "inbox/*.csv", done = "archive/", failed = "failed/", sender = "orders",
  settle = iflow.args.settle or 0 }
]]

-- A place whose lines[text] has the ids under which the tenant got a line.
local function new_place(answer)
  local lines = {}
  local place = serve.place { runtime = function(req, n)
    local line, id = req.headers["x-line"], req.headers["sap_applicationid"]
    lines[line] = lines[line] or {}
    lines[line][id] = (lines[line][id] or 0) + 1
    if answer then return answer(req, n) end
    return req:answer(200, {}, "ok")
  end }
  place.lines = lines
  place:script("files.lua", FILES)
  assert(file.mkdir(place.dir:file "inbox"))
  return place
end

-- So many different lines have come, each of them under one id.
local function check_lines(place, count)
  process.wait_for(count .. " lines", function()
    local n = 0
    for _ in pairs(place.lines) do n = n + 1 end
    return n == count
  end)
  for line, ids in pairs(place.lines) do
    local id = next(ids)
    assert.is_nil(next(ids, id), "two messages were made of the line " .. line)
  end
end

local function numbered(from, to)
  local list = {}
  for i = from, to do list[#list + 1] = "line-" .. i .. "\n" end
  return table.concat(list)
end

local function wait_moved(place, ...)
  local wanted = table.concat({ ... }, " ")
  process.wait_for(wanted .. " in archive", function()
    return table.concat(file.list(place.dir:file "archive") or {}, " ") == wanted
  end)
end

local function drop(place, name, text)
  place.dir:write("." .. name, text)
  assert(file.rename(place.dir:file("." .. name), place.dir:file("inbox/" .. name)))
end

describe("a drop folder of iflow serve", function()
  it("sends what is there, what is moved in, and what is written slowly", async(function()
    local place <close> = new_place()
    drop(place, "a.csv", numbered(1, 3))
    local service <close> = place:serve("files.lua", "--set", "settle=0.5s")
    wait_moved(place, "a.csv")
    drop(place, "b.csv", numbered(4, 6))
    wait_moved(place, "a.csv", "b.csv")
    local handle <close> = assert(io.open(place.dir:file "inbox/c.csv", "w"))
    for i = 7, 12 do
      handle:write("line-", i, "\n")
      handle:flush()
      core.task.sleep(0.1)
    end
    handle:close()
    wait_moved(place, "a.csv", "b.csv", "c.csv")
    check_lines(place, 12)
    assert.equal(0, service:stop().code)
  end))

  it("killed between durable and moved, sends nothing twice and moves it afterwards", async(
    function()
      local place <close> = new_place()
      local shim = place.dir:file "kill.so"
      assert.equal(0, process.run({ "cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", shim,
        "spec/support/kill_at_rename.c" }).code)
      drop(place, "a.csv", numbered(1, 20))
      for _ = 1, 2 do -- the second time it is only moved, and killed again
        local service <close> = place:start({ "serve", "files.lua" }, { LD_PRELOAD = shim,
          IFLOW_KILL_AT = "/archive/", ASAN_OPTIONS = "verify_asan_link_order=0" })
        assert.equal(128 + 9, service:wait().code)
        assert.same({ "a.csv" }, file.list(place.dir:file "inbox"))
      end
      local service <close> = place:serve "files.lua"
      wait_moved(place, "a.csv")
      check_lines(place, 20)
      assert.equal(0, service:stop().code)
      place:with_box(function(box)
        assert.same({ 20, 0 }, { box:counts().delivered, box:counts().messages })
      end)
    end))

  it("killed at any moment, loses nothing and makes no second message of a line", async(function()
    local place <close> = new_place()
    local count, rounds = 300, size.of(4, 40)
    for round = 1, rounds do
      drop(place, ("f%03d.csv"):format(round), numbered((round - 1) * count + 1, round * count))
      local service <close> = place:serve("files.lua", "--durability", "normal")
      local goal = (round - 1) * count + math.random(1, count)
      process.wait_for("some lines", function() return #place.received >= goal end)
      service:signal "KILL"
      service:wait()
    end
    local service <close> = place:serve "files.lua"
    check_lines(place, rounds * count)
    process.wait_for("all moved", function() return #file.list(place.dir:file "inbox") == 0 end)
    assert.equal(rounds, #file.list(place.dir:file "archive"))
    assert.equal(0, service:stop().code)
  end, { limit = 300 }))

  it("refuses to start without its folder, and names it", async(function()
    local place <close> = new_place()
    assert(file.remove(place.dir:file "inbox"))
    local code, exit_code, message = place:fails("serve", "files.lua")
    assert.same({ "file.not_found", 2 }, { code, exit_code })
    assert.is_truthy(message:find("inbox", 1, true))
  end))
end)

describe("standard input of iflow serve", function()
  local STDIN = SENDER .. [[ iflow.stdin { sender = "orders" } ]]

  -- Runs it with that input to its end.
  local function pipe(place, script, text)
    place:script("stdin.lua", script)
    place.dir:write("in", text)
    return process.run { "sh", "-c", '"$0" serve stdin.lua <in', process.iflow,
      dir = place.dir.path, env = { IFLOW_SERVICE_KEY = "key.json", IFLOW_TOKEN_CACHE = "off" } }
  end

  it("is sent line by line, and ends the service when all is delivered", async(function()
    local place <close> = new_place()
    local result = pipe(place, STDIN, numbered(1, 200) .. "\nthe last one")
    assert.equal(0, result.code, result.err)
    check_lines(place, 201)
    assert.is_table(place.lines["the last one"])
    place:with_box(function(box) assert.equal(201, box:counts().delivered) end)
  end))

  it("makes a dead letter of a line that is rejected, and names one that is too long", async(
    function()
      local place <close> = new_place()
      local result = pipe(place, [[
        local iflow = require "iflow"
        iflow.sender "orders" { to = "/http/orders", transform = { iflow.transform.json {},
          iflow.transform.to_json {} }, headers = { ["X-Line"] = "x" } }
        iflow.stdin { sender = "orders" } ]],
        '{"a":1}\n{bad\n' .. ("x"):rep(1024 * 1024 + 1) .. '\n{"a":2}\n')
      assert.equal(1, result.code, result.err) -- there is a dead letter
      assert.is_truthy(result.err:find('"line":3', 1, true), result.err)
      place:with_box(function(box)
        assert.same({ 2, 1 }, { box:counts().delivered, box:counts().rejected })
        local dead = box:list { state = "rejected", bodies = true }[1]
        assert.same({ "{bad", 2 }, { dead.body, dead.source.line })
      end)
    end))

  it("goes to a function, one line after the other", async(function()
    local place <close> = new_place()
    local result = pipe(place, [[
      local iflow = require "iflow"
      local n = 0
      iflow.stdin { run = function(line)
        n = n + 1
        if n == 2 then return iflow.retry_after(0.01) end
        print(n .. " " .. line)
        if line == "b" then error "no use" end
      end } ]], "a\nb\nc")
    assert.equal(0, result.code, result.err)
    assert.equal("1 a\n3 b\n4 c\n", result.out)
    assert.is_truthy(result.err:find("no use", 1, true))
  end))

  it("waits while the outbox is full", async(function()
    local open = false
    local place <close> = new_place(function(req)
      process.wait_for("the gate", function() return open end)
      req:answer(200, {}, "ok")
    end)
    place:script("stdin.lua", STDIN)
    place.dir:write("in", numbered(1, 50))
    local service <close> = process.start { "sh", "-c",
      '"$0" serve stdin.lua --max-messages 5 <in', process.iflow, dir = place.dir.path,
      env = { IFLOW_SERVICE_KEY = "key.json", IFLOW_TOKEN_CACHE = "off" } }
    process.wait_for("calls", function() return #place.received > 0 end)
    assert.is_true(#place.received <= 5)
    open = true
    assert.equal(0, service:wait().code)
    check_lines(place, 50)
  end))

  it("does not end a service that has other triggers", async(function()
    local place <close> = new_place()
    place:script("both.lua", FILES .. [[ iflow.stdin { sender = "orders" } ]])
    local service <close> = place:serve "both.lua"
    process.wait_for("the end of the input", function()
      return service:log():find "the input has ended"
    end)
    drop(place, "a.csv", numbered(1, 1))
    wait_moved(place, "a.csv")
    assert.is_true(service:alive())
  end))
end)
