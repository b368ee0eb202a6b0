-- What a script of a service may not do to the others: sender "bad" of a service misbehaves in many
-- ways while sender "good" of the same process delivers its messages.
local async = require "spec.support.async"
local client = require "iflow.service.client"
local core = require "iflow.core"
local process = require "spec.support.process"
local serve = require "spec.support.serve"
local size = require "spec.support.size"

local MANY = size.of(300, 1000)

-- Short for a loop, and long for what is well, also where sanitizers make everything slow. WIDE:
-- the defaults.
local SHORT = os.getenv "ASAN_OPTIONS" and "1s" or "500ms"
local NARROW = { "--script-time", SHORT, "--script-memory", "48M", "--memory", "256M" }
local WIDE = {}

-- A sender "good", and "bad" with these options; both get what `fill` stores.
local function script_of(bad)
  return ([[
local iflow = require "iflow"
iflow.sender "good" { to = "/http/good", idempotent = true }
iflow.sender "bad" { %s }
]]):format(bad)
end

local function fill(place, count)
  place:with_box(function(box)
    for i = 1, 2 do
      assert(box:enqueue { sender = "bad", id = "b-" .. i, body = "x", headers = {} })
    end
    for i = 1, count do
      assert(box:enqueue { sender = "good", id = "g-" .. i, body = "y", headers = {} })
    end
  end)
end

local function counts(place, name)
  return place:with_box(function(box)
    local found = {}
    for _, row in ipairs(box:list { sender = name, limit = 1000 }) do
      found[row.state] = (found[row.state] or 0) + 1
      found.code = row.code or found.code
    end
    return found
  end)
end

local function received(place, prefix)
  local n = 0
  for _, id in ipairs(place.received) do
    if id:sub(1, #prefix) == prefix then n = n + 1 end
  end
  return n
end

local function words(script, limits, ...)
  limits = limits or NARROW
  local list = table.move(limits, 1, #limits, 2, { script })
  for _, word in ipairs { ... } do list[#list + 1] = word end
  return table.unpack(list)
end

-- How many of bad's messages a running service has in that state.
local function ended(place, state)
  local box <close> = assert(client.open(place.box_path))
  return #box:list { sender = "bad", state = state }
end

-- Serves such a script until the good messages are delivered and so many of bad's are "rejected",
-- bad is "paused", or `text` was logged so often. How many of bad's messages are in each state, the
-- log, and the same of good's. limits: NARROW by default.
local function misbehave(bad, text, count, times, limits)
  local place <close> = serve.place()
  place:script("both.lua", script_of(bad))
  fill(place, count or 20)
  local service <close> = place:serve(words("both.lua", limits))
  process.wait_for("the good messages", function()
    return received(place, "g-") == (count or 20)
  end)
  process.wait_for(text, function()
    if text == "rejected" then return ended(place, text) >= (times or 1) end
    if text == "paused" then return service:get "/ready" == 503 end
    local _, n = service:log():gsub(text, "")
    return n >= (times or 1)
  end)
  local log = service:log()
  assert.equal(0, service:stop().code)
  return counts(place, "bad"), log, counts(place, "good")
end

local function to(body) return "to = function(msg) " .. body .. " end" end

describe("a sender that does not come back", function()
  it("is stopped, and another one delivers its messages meanwhile", async(function()
    local bad, _, good = misbehave(to "while true do end", "rejected", MANY, 2)
    assert.equal(MANY, good.delivered)
    assert.equal(2, bad.rejected)
    assert.equal("script.limit", bad.code)
  end))

  for what, body in pairs {
    ["catches errors in a loop"] = "while true do pcall(function() while true do end end) end",
    ["catches them with a handler that loops"] =
      "local function f() while true do end end while true do xpcall(f, f) end",
    ["loops in a coroutine"] = "local co = coroutine.create(function() while true do end end) "
      .. "while true do coroutine.resume(co) end",
    ["loops in a wrapped coroutine that catches"] =
      "while true do pcall(coroutine.wrap(function() while true do end end)) end",
    ["loops in loaded text"] = "while true do load 'while true do pcall(load) end' () end",
    ["recurs without end in a loop"] =
      "local function f() return 1 + f() end while true do pcall(f) end",
    ["loops in the closing of a variable"] = "local x <close> = setmetatable({}, { __close = "
      .. "function() while true do end end }) error 'first'",
    ["loops in a metamethod"] = "local t = setmetatable({}, { __index = function() "
      .. "while true do end end }) while true do pcall(function() return t.x end) end",
    ["loops in an error handler of an error handler"] = "local function f() error(f) end "
      .. "while true do xpcall(f, function() return xpcall(f, f) end) end",
    ["replaces text by a function without end"] =
      "return (('x'):gsub('x', function() while true do end end))",
    ["sorts by a function without end"] =
      "table.sort({ 1, 2, 3 }, function() while true do end end) return 'x'",
  } do
    it("is stopped when it " .. what, async(function()
      local bad = misbehave(to(body), "rejected")
      assert.equal("script.limit", bad.code)
    end))
  end

  it("has its messages left ready where it says so", async(function()
    local bad = misbehave(to "while true do end" .. ', on_limit = "ready"',
      "paused")
    assert.equal(2, bad.ready)
  end))
end)

describe("a sender that eats memory", function()
  for what, body in pairs {
    ["without end"] = "local all = {} while true do all[#all + 1] = ('x'):rep(1000) .. #all end",
    ["without end, and catches errors"] = "local all = {} while true do pcall(function() "
      .. "while true do all[#all + 1] = ('x'):rep(1000) .. #all end end) end",
    ["at once"] = "return ('x'):rep(8 << 30)",
    ["by replacing text"] = "return (('x'):rep(1 << 20):gsub('x', ('y'):rep(1000)))",
    ["by putting texts together"] = "local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(1000) end "
      .. "return table.concat(t)",
    ["by formatting"] = "local s = 'x' while true do s = ('%s%s'):format(s, s) end",
    ["by recursion that keeps texts"] = "local function f(s) return #f(s .. 'x') + 1 end "
      .. "while true do pcall(f, ('x'):rep(10000)) end",
    ["by doubling a text"] = "local s = 'x' while true do s = s .. s end",
    ["by a long table"] = "return table.concat(table.pack(('x'):rep(20000000):byte(1, 900000)))"
      .. " .. ('x'):rep(1 << 40)",
  } do
    it("is stopped: " .. what, async(function()
      local bad = misbehave(to(body), "rejected", 20, 2)
      assert.equal(2, bad.rejected)
    end))
  end
end)

describe("a sender that eats memory without end", function()
  it("is stopped, and another one delivers its messages meanwhile", async(function()
    local bad, _, good = misbehave(to "local all = {} while true do all[#all + 1] = {} end",
      "rejected", MANY, 2)
    assert.equal(MANY, good.delivered)
    assert.equal("script.limit", bad.code)
  end))
end)

describe("a call that cannot be stopped", function()
  for what, body in pairs {
    ["a pattern that matches for ever"] =
      "return ('a'):rep(60):match(('a?'):rep(60) .. ('a'):rep(60))",
    ["a finalizer without end"] =
      "setmetatable({}, { __gc = function() while true do end end }) collectgarbage() return 'x'",
  } do
    it("is told while it holds up everything, with whose it is: " .. what, async(function()
      local place <close> = serve.place()
      place:script("both.lua", script_of(to(body)))
      fill(place, 1)
      local service <close> = place:start({ "serve", "both.lua", "--log-format", "json",
        table.unpack(NARROW) })
      local line = process.wait_for("the line", function()
        return service:log():match '[^\n]*"event":"held_up"[^\n]*'
      end)
      assert.is_truthy(core.json.decode(line).message:find("'bad', message b-", 1, true))
      service:signal "KILL"
      service:wait()
    end))
  end
end)

describe("errors of a script", function()
  for what, body in pairs { ["nil"] = "error(nil)", ["a table"] = "error({})",
    ["false"] = "error(false)", ["a function"] = "error(print)",
    ["an object whose text fails"] =
      "error(setmetatable({}, { __tostring = function() error 'no' end }))",
    ["a stack that overflows"] = "local function f(...) return 1 + f(1, ...) end f()" } do
    it("reject the message: " .. what, async(function()
      local bad = misbehave(to(body), "rejected", 5, 2, WIDE)
      assert.equal(2, bad.rejected)
    end))

    it("change nothing in a callback: " .. what, async(function()
      local bad = misbehave('to = "/http/bad", on_delivered = function() ' .. body .. " end",
        "on_delivered failed", 5, 2, WIDE)
      assert.equal(2, bad.delivered)
    end))
  end

  it("in a callback without end change nothing", async(function()
    local bad = misbehave('to = "/http/bad", on_delivered = function() while true do end end',
      "on_delivered failed", 20, 2)
    assert.equal(2, bad.delivered)
  end))
end)

describe("a trigger's function that does not come back", function()
  it("has enqueue end with script.limit, and fails as a job", async(function()
    local place <close> = serve.place()
    place:script("both.lua", [[
local iflow = require "iflow"
iflow.sender "good" { to = "/http/good" }
iflow.sender "bad" { to = "/http/bad", transform = function() while true do end end }
iflow.every "first" { interval = "1s", run = function()
  local result, err = iflow.sender "bad":enqueue "x"
  assert(result == nil)
  print(err.code, err.outcome)
  iflow.sender "good":enqueue("y", { ids = "once" })
end }
iflow.every "second" { interval = "1s", run = function() while true do end end }
iflow.spawn(function() while true do pcall(function() while true do end end) end end)
]])
    local service <close> = place:serve(words "both.lua")
    process.wait_for("both ends", function()
      local _, status = service:get "/ready"
      local last = status.triggers[2] and status.triggers[2].last
      return last and last.outcome == "failed" and last.reason:find "script.limit"
        and service:log():find "a task of a script failed"
        and service.process.dir:read "out":find "script.limit\trejected" and #place.received > 0
    end)
    assert.equal(0, service:stop().code)
  end))

  it("in the script itself ends the start, by file and line", async(function()
    local place <close> = serve.place()
    place:script("endless.lua", "\n\nwhile true do pcall(error) end")
    local code, _, message = place:fails("serve", words "endless.lua")
    assert.equal("script.limit", code)
    assert.is_truthy(message:find "endless.lua:3")
  end))
end)

describe("modules of scripts", function()
  it("are guarded, and their own in every folder", async(function()
    local place <close> = serve.place()
    os.execute(("mkdir %s %s"):format(place.dir:file "a", place.dir:file "b"))
    for _, folder in ipairs { "a", "b" } do
      place:script(folder .. "/names.lua", ("return { %q, again = require 'names_more' }"):format(
        folder))
      place:script(folder .. "/names_more.lua", ("return %q"):format(folder .. "2"))
      place:script(folder .. "/endless.lua",
        "return function() while true do pcall(function() while true do end end) end end")
      place:script(folder .. "/main.lua", [[
        local iflow, names = require "iflow", require "names"
        assert(names == require "names")
        iflow.sender(names[1]) { to = require "endless" }
        iflow.sender(names.again) { to = "/http/x" }]])
    end
    place:with_box(function(box)
      assert(box:enqueue { sender = "a", id = "m-1", body = "x", headers = {} })
    end)
    local service <close> = place:serve(words("a/main.lua", NARROW, "b/main.lua"))
    assert.same({ "a", "a2", "b", "b2" }, service.started.senders)
    process.wait_for("the stop", function() return service:log():find "script.limit" end)
    assert.equal(0, service:stop().code)
  end))
end)
