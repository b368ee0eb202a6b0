--- What a test of a script gets as `t`.
--
--   t:flow { address = "/orders", … }   deploys a flow (as `iflow sandbox deploy` takes it; process
--                                       may be left out: 200 without a body). Its `received` lists
--                                       what arrived: { body, headers, query, method }
--   t:fault "runtime:503@10%"           turns a fault on (see iflow sandbox fault --help)
--   t.clock:advance "2h"                lets time pass for retries, rates and pauses
--   t:equal(expected, got [, what])     compares values, tables by content
--   t:matches(pattern, text [, what])   a Lua pattern
--   t:ok(value [, what])                neither nil nor false
--   t:file(name, text)                  writes a file in a directory of the test; its path
--   t:drained()                         waits until what was enqueued has ended, however long its
--                                       retries take: { delivered =, rejected =, in_doubt =, … }
--   t.sandbox                           the sandbox itself (lua/iflow/sandbox.lua)

local clock = require "iflow.clock"
local core = require "iflow.core"
local services = require "iflow.service"

local context = { __name = "iflow.test" }
context.__index = context

local function received(exchange)
  return { body = exchange.body, headers = exchange.headers, query = exchange.query,
    method = exchange.method }
end

--- Deploys a flow: an object with `received`.
function context:flow(definition)
  if type(definition) ~= "table" then error("t:flow takes a flow, a table", 2) end
  local flow, list = {}, {}
  for key, value in pairs(definition) do flow[key] = value end
  self.flows = self.flows + 1
  flow.name = flow.name or ("flow-%d"):format(self.flows)
  if flow.csrf == nil then flow.csrf = false end
  local process = definition.process
  flow.process = function(exchange)
    list[#list + 1] = received(exchange)
    if process then return process(exchange) end
    return 200, {}, ""
  end
  local ok, err = self.sandbox:deploy(flow)
  if not ok then error(err, 2) end
  return { name = flow.name, received = list }
end

--- Turns a fault on.
function context:fault(text)
  local fault, err = self.sandbox:fault(text)
  if not fault then error(err, 2) end
  return fault
end

--- Writes a file; returns its path.
function context:file(name, text)
  local path = self.dir .. "/" .. name
  assert(core.file.write(path, text))
  return path
end

local YEAR = 366 * 86400 -- seconds; nothing is waited for longer

-- What is left and cannot go on by itself.
local function stays(counts)
  error(("%d messages stay in the outbox, %d in doubt"):format(counts.ready + counts.started,
    counts.in_doubt), 3)
end

--- Waits until nothing is left to deliver; the counts of the outbox.
function context:drained()
  local service, err = services.current()
  if not service then error(err or "t:drained() is for scripts that enqueue", 2) end
  local began = self.clock:elapsed()
  while true do
    local _, stuck = service:drain(YEAR)
    if stuck then error(stuck, 2) end
    local counts = assert(service.box:counts())
    if counts.ready + counts.started == 0 then return counts end
    local due = service.box:next_due()
    if not due or self.clock:elapsed() - began > YEAR then stays(counts) end
    self.clock:advance(math.max(due - clock.now(), 0.001))
  end
end

-- Comparing -----------------------------------------------------------------------------------

local function show(value, depth)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  if depth > 4 then return "{…}" end
  local names, parts = {}, {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for i, name in ipairs(names) do
    parts[i] = math.type(name) == "integer" and name == i and show(value[name], depth + 1)
      or ("%s = %s"):format(tostring(name), show(value[name], depth + 1))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- within: tables that are being compared, each with its partner; a cycle is the same as its like.
local function same(a, b, within)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b or a ~= a and b ~= b end
  within = within or {}
  if within[a] == b then return true end
  within[a] = b
  for key, value in pairs(a) do
    if not same(value, b[key], within) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function fail(what, text, ...)
  error((what and what .. ": " or "") .. text:format(...), 3)
end

function context.equal(_, expected, got, what)
  if not same(expected, got) then
    fail(what, "expected %s, got %s", show(expected, 1), show(got, 1))
  end
end

function context.matches(_, pattern, text, what)
  if type(pattern) ~= "string" then error("t:matches takes a Lua pattern and a text", 2) end
  if type(text) ~= "string" then text = tostring(text) end
  local ok, found = pcall(text.find, text, pattern)
  if not ok then error("t:matches takes a Lua pattern: " .. tostring(found), 2) end
  if not found then fail(what, "%q does not match %q", text, pattern) end
end

function context.ok(_, value, what)
  if not value then fail(what, "expected something, got %s", tostring(value)) end
end

return function(sandbox, test_clock, dir)
  return setmetatable({ sandbox = sandbox, clock = test_clock, dir = dir, flows = 0 }, context)
end
