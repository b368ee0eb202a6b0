--- Transforms: what becomes of a message before it is sent. Each is a file in lua/iflow/transform/,
-- loaded when it is first used:
--
--   transform = { iflow.transform.csv { header = true }, function(msg) … return msg end,
--                 iflow.transform.to_json {} }
--
-- A step of such a list is
--   a function   of the message. It returns the message (the same or another), a string (the new
--                body), iflow.done() to leave it out, iflow.reject(reason), or nil, err.
--   a transform  { name =, run = function(self, message, emit) … end }. It calls emit(message) for
--                each message that comes out, emit(message, err) for a record that is rejected;
--                nil, err rejects the whole message. One that collects has
--                begin = function(self) -> state, state:run(message, emit), state:finish(emit).
-- emit may wait, so that a fast source does not outrun a slow endpoint. Whatever fails rejects that
-- message alone; the others go on.

local errors = require "iflow.error"
local is_message = require("iflow.message").is
local new_message = require("iflow.message").new
local verdict = require "iflow.verdict"

local module = {}

-- The list of transforms -----------------------------------------------------------------------

local function load_transform(name)
  local path = "iflow.transform." .. tostring(name)
  local ok, constructor = pcall(require, path)
  if ok then return constructor end
  -- An error inside the file is shown; a file that is not there is an unknown name.
  if not tostring(constructor):find("module '" .. path .. "' not found", 1, true) then
    error(constructor, 0)
  end
  error(("there is no transform '%s'"):format(tostring(name)), 3)
end

setmetatable(module, {
  __index = function(self, name)
    local constructor = load_transform(name)
    rawset(self, name, constructor)
    return constructor
  end,
})

-- One step -------------------------------------------------------------------------------------

local function nothing_returned()
  return errors { code = "transform.failed", message = "the transform returned nothing",
    hint = "return the message, iflow.done() to leave it out, or iflow.reject(reason)" }
end

-- What a function of the script returned -> what comes out of the step.
local function take(msg, emit, skip, result, err)
  if is_message(result) then return emit(result) end
  if type(result) == "string" then return emit(msg:with { body = result }) end
  local word = verdict.of(result)
  if word == "done" then return skip(msg) end
  if word == "reject" then
    return emit(msg, errors { code = "message.rejected", message = result.reason })
  end
  if result == nil then return emit(msg, err or nothing_returned()) end
  error(("a transform returns the message, a string, iflow.done() or iflow.reject(…), not a %s")
    :format(word and "verdict " .. word or type(result)), 0)
end

local function function_step(fn, skip)
  return { run = function(_, msg, emit) return take(msg, emit, skip, fn(msg)) end }
end

local function nothing() end

-- The chain ------------------------------------------------------------------------------------

local pipeline = {}
pipeline.__index = pipeline

local stop = setmetatable({}, { __tostring = function() return "the sending was stopped" end })

-- Errors that are not the message's fault: they end the run instead.
local function passes_through(err)
  return err == stop or errors.is(err) and err.code == "task.canceled"
end

local describe = errors.handler "transform.failed"

--- Runs a step on a message; its failure rejects the message.
function pipeline:step(at, method, msg, emit)
  local ok, first, second = xpcall(method, describe, self.states[at], msg, emit)
  if not ok then
    if passes_through(first) then error(first, 0) end
    self.reject(msg, msg:about(first), at)
  elseif first == nil and second ~= nil then
    self.reject(msg, msg:about(second), at)
  end
end

-- How far the input was read: the last message of the first step that knows lines or records. Those
-- after it may hold some back.
local function note_place(self, msg, at)
  local source = msg.source
  if (source.record or source.line) and at <= (self.reader or at) then
    self.reader, self.read = at, msg
  end
end

-- emit of step `at`: gives to the next one, or to the sink.
local function make_emit(self, at)
  local following = self.states[at + 1]
  local emit = following and self.emits[at + 1]
  return function(msg, err)
    if not is_message(msg) then error("emit takes a message", 2) end
    note_place(self, msg, at)
    if err ~= nil then return self.reject(msg, msg:about(err), at) end
    -- The step that makes bytes of data: a message that is refused later can start from there.
    if msg.body == nil then msg.encoded_by = nil else msg.encoded_by = msg.encoded_by or at end
    if not following then return self.sink(msg) end
    return self:step(at + 1, following.run, msg, emit)
  end
end

--- A chain of the steps (checked by module.check).
-- sink(message): takes what comes out at the end; may wait.
-- reject(message, err, at): takes a message that failed in step `at`.
-- skip(message): is told of a message that a function leaves out, optional.
-- Its field read is the last message that was read of an input with lines or records.
function module.pipeline(steps, sink, reject, skip)
  local self = setmetatable({ states = {}, emits = {}, sink = sink, reject = reject }, pipeline)
  for at, step in ipairs(steps) do
    if type(step) == "function" then step = function_step(step, skip or nothing) end
    self.states[at] = step.begin and step:begin() or step
  end
  for at = #steps, 1, -1 do self.emits[at] = make_emit(self, at) end
  return self
end

--- Sends a message through, from step `at` (default 1) on; waits as long as the sink does.
function pipeline:push(msg, at)
  at = at or 1
  local state = self.states[at]
  if not state then return self.sink(msg) end
  return self:step(at, state.run, msg, self.emits[at])
end

-- A step that fails when there is no more to come: what it had collected is lost.
local function reject_rest(self, err, at)
  err = errors.wrap(err, "transform.failed")
  self.reject(new_message {}, errors { code = err.code, cause = err, traceback = err.traceback,
    message = "at the end of the input: " .. err.message }, at)
end

--- No more messages: steps that collect give out what they hold.
function pipeline:finish()
  for at, state in ipairs(self.states) do
    if state.finish then
      local ok, first, second = xpcall(state.finish, describe, state, self.emits[at])
      if not ok and passes_through(first) then error(first, 0) end
      if not ok or first == nil and second ~= nil then reject_rest(self, second or first, at) end
    end
  end
end

--- Ends a run from inside a sink: push raises it through all steps. is_stop(err) tells it apart.
function module.stop() error(stop, 0) end
function module.is_stop(err) return err == stop end

--- Raises when `steps` is no list of functions and transforms; level as in error. Returns the list.
function module.check(steps, level)
  if type(steps) == "function" or type(steps) == "table" and steps.run then steps = { steps } end
  if type(steps) ~= "table" then
    error("option 'transform' must be a list of transforms and functions, got " .. type(steps),
      level + 1)
  end
  for at, step in ipairs(steps) do
    local fine = type(step) == "function" or type(step) == "table" and (step.run or step.begin)
    if not fine then
      error(("step %d of 'transform' must be a transform or a function of the message, got %s")
        :format(at, type(step)), level + 1)
    end
  end
  for key in pairs(steps) do
    if math.type(key) ~= "integer" then
      error(("'transform' is a list; '%s' does not belong there"):format(tostring(key)), level + 1)
    end
  end
  return steps
end

return module
