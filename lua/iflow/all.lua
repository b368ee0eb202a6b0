--- Many functions at once, but not more than a limit of them.
--
--   local results, errors = iflow.all({ f, g, h }, { limit = 8 })
--   local results, errors = iflow.all(iterator, { limit = 8 })
--
-- Runs every function in a task of its own and waits for all of them. An iterator returns the next
-- function at each call, and nil at the end; it is asked only when a task may start, so it can
-- stand for more work than fits into memory. The limit is 64 when none is given.
--
-- results[i] is the first value that the i-th function returned, results.n their number. Where a
-- function returned nil, err, errors[i] is err; errors is nil when there are none. A function that
-- raises ends the others: they are cancelled, and iflow.all raises its error.

local core = require "iflow.core"
local guarded = require "iflow.guarded"
local join = require "iflow.join"
local new_semaphore = require "iflow.semaphore"
local suggest = require "iflow.suggest"

local LIMIT = 64

local function iterate(functions)
  if type(functions) ~= "table" then return functions end
  local i = 0
  return function()
    i = i + 1
    return functions[i]
  end
end

--- What the tasks of one iflow.all share.
local group = {}
group.__index = group

function group:cancel()
  for child in pairs(self.children) do child:cancel() end
end

group.__close = group.cancel

--- In a child: runs the i-th function and writes down how it ended.
function group:work(i, fn, permit)
  local _ <close> = permit
  local done = guarded.call(fn)
  self.children[core.task.current()] = nil
  if not done.ok then
    if not self.failure then
      self.failure = done
      self:cancel()
    end
  elseif done[1] ~= nil then
    self.results[i] = done[1]
  elseif done[2] ~= nil then
    self.errors = self.errors or {}
    self.errors[i] = done[2]
  end
end

function group:start(next_function, limit)
  local semaphore = new_semaphore(limit)
  local count = 0
  while true do
    local permit = semaphore:acquire()
    local fn = not self.failure and next_function() or nil
    if fn == nil then break end
    count = count + 1
    if type(fn) ~= "function" then
      error("iflow.all: item " .. count .. " is a " .. type(fn) .. ", a function was expected", 3)
    end
    self.children[core.task.spawn(self.work, self, count, fn, permit)] = true
  end
  self.results.n = count
end

return function(functions, options)
  if type(functions) ~= "table" and type(functions) ~= "function" then
    error("iflow.all takes a list of functions or an iterator of them", 2)
  end
  options = options or {}
  suggest.check_keys(options, { "limit" })
  local limit = options.limit or LIMIT
  if math.type(limit) ~= "integer" or limit < 1 then
    error("the limit of iflow.all is a whole number from 1", 2)
  end
  local self <close> = setmetatable({ children = {}, results = {} }, group)
  self:start(iterate(functions), limit)
  join(self.children)
  if self.failure then guarded.results(self.failure) end
  return self.results, self.errors
end
