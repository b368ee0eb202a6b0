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
--   t.sandbox                           the sandbox itself (lua/iflow/sandbox.lua)

local core = require "iflow.core"

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

return function(sandbox, clock, dir)
  return setmetatable({ sandbox = sandbox, clock = clock, dir = dir, flows = 0 }, context)
end
