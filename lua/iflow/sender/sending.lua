--- Many messages through one sender: transforms, bounded concurrency, what became of each.
-- Internal.

local core = require "iflow.core"
local delivery = require "iflow.sender.delivery"
local errors = require "iflow.error"
local new_semaphore = require "iflow.semaphore"
local new_summary = require "iflow.sender.summary"
local transform = require "iflow.transform"

local WINDOW = 8 -- messages that are begun, for each that may be in flight: some wait for a retry

local sending = {}
sending.__index = sending

function sending:__close()
  for child in pairs(self.children) do child:cancel() end
end

-- Callbacks of the script are told; a failing one is reported and changes nothing.
local function tell(sender, outcome, msg, value)
  local name = outcome == "delivered" and "on_delivered" or outcome == "in_doubt" and "on_in_doubt"
    or "on_rejected"
  local callback = sender.options[name]
  if not callback then return end
  local ok, err = xpcall(callback, debug.traceback, msg, value)
  if ok then return end
  if errors.is(err) and err.code == "task.canceled" then error(err, 0) end
  core.log.write("error", "sender", ("%s: %s failed for %s: %s"):format(sender.name, name,
    msg:where(), tostring(err)))
end

-- Errors with the exit code of a wrong configuration that say nothing about the next message.
local of_one_message = { ["limit.exceeded"] = true, ["http.header"] = true,
  ["call.body_failed"] = true, ["script.failed"] = true }

-- Refused credentials and a wrong configuration would end every other message the same way.
local function ends_all(err)
  local code = errors.exit_code(err)
  return code == 3 and err.code:match "^(%a+)%." ~= "call"
    or code == 2 and not of_one_message[err.code]
end

--- Writes down how a message ended, at: the step that it failed in, nil when it was sent.
function sending:account(msg, answer, err, at)
  if err and not err.outcome then err.outcome = "rejected" end
  local outcome = self.summary:count(answer, err)
  tell(self.sender, outcome, msg, answer or err)
  if self.each then self.each(msg, answer, err, at) end
  if err and not at and ends_all(err) then self.summary.stopped = self.summary.stopped or err end
end

function sending:work(msg, permit)
  local _ <close> = permit
  self:account(msg, delivery.deliver(self.sender, msg))
  self.children[core.task.current()] = nil
end

-- What comes out of the transforms.
function sending:sink(msg)
  if self.summary.stopped or self.taken == self.limit then transform.stop() end
  self.taken = self.taken + 1
  if self.dry then return self.dry(msg) end
  self:start(self.held)
  self.held = nil
  if self.holds then
    self.held = msg
  else
    self:start(msg)
  end
end

function sending:start(msg)
  if not msg then return end
  local permit = self.window:acquire()
  if self.summary.stopped then
    permit:release()
    transform.stop()
  end
  self.children[core.task.spawn(self.work, self, msg, permit)] = true
end

--- Takes one message; waits when too many are under way. False: the sending was stopped.
function sending:push(msg, at)
  if self.summary.stopped or self.taken == self.limit then return false end
  local ok, err = xpcall(self.pipeline.push, function(e) return e end, self.pipeline, msg, at)
  if not ok and not transform.is_stop(err) then error(err, 0) end
  return ok and not self.summary.stopped and self.taken ~= self.limit
end

--- No more messages: waits until all have ended. Returns the summary.
function sending:finish()
  local ok, err = xpcall(self.pipeline.finish, function(e) return e end, self.pipeline)
  if not ok and not transform.is_stop(err) then error(err, 0) end
  if self.held then
    self:account(self.held, delivery.deliver(self.sender, self.held))
    self.held = nil
  end
  local child = next(self.children)
  while child do
    child:join()
    self.children[child] = nil
    child = next(self.children)
  end
  self.summary.retried = self.sender.retried - self.retried_before
  return self.summary:finish()
end

--- options: each(msg, answer, err, at) is told of every end; dry(msg) takes messages instead of the
-- endpoint; limit: no more messages than this; holds: the last message is delivered in the caller's
-- own task (for one message).
return function(sender, options)
  local self = setmetatable({ sender = sender, children = {}, summary = new_summary(),
    each = options.each, dry = options.dry, holds = options.holds,
    limit = options.limit, taken = 0,
    retried_before = sender.retried, window = new_semaphore(sender.options.concurrency * WINDOW),
  }, sending)
  self.pipeline = transform.pipeline(sender.options.transform,
    function(msg) return self:sink(msg) end,
    function(msg, err, at)
      err.outcome = "rejected"
      self:account(msg, nil, err, at)
    end)
  return self
end
