--- Those who wait for the end of a message: a waiter is made before the message is enqueued, so
-- that its end cannot be missed. Internal; lua/iflow/service.lua is the face.

local errors = require "iflow.error"
local new_waiters = require "iflow.waiters"

local TIMEOUT = 60 -- seconds

local waiter = {}
waiter.__index = waiter

-- What the outbox knows of a message that has ended: answer | nil, err; nothing while it is open.
local function known_end(self)
  local rows = self.owner.box:list { sender = self.sender, id = self.id, limit = 1 }
  local row = rows and rows[1]
  if not row then return end
  if row.state == "delivered" then
    return { outcome = "delivered", status = row.status, message_id = row.message_id, headers = {} }
  elseif row.state == "rejected" or row.state == "in_doubt" then
    local code = errors.info(row.code) and row.code or
      (row.state == "in_doubt" and "call.in_doubt" or "call.rejected")
    local err = errors { code = code, message = row.error or "the message is " .. row.state,
      status = row.status, message_id = row.message_id }
    err.outcome = row.state
    if row.state == "rejected" and errors.info(code).retryable then err.outcome = "retryable" end
    return nil, err
  end
end

--- Waits for the end: answer (of tenant:call; only status and message_id when it had ended before)
-- | nil, err; err.outcome is "rejected", "retryable" (its retries are used up) or "in_doubt".
-- timeout: seconds, 60 by default; then nil, err with the code task.timeout.
function waiter:wait(timeout)
  if not self.told then
    local answer, err = known_end(self)
    if (answer or err) and not self.told then return answer, err end
  end
  if not self.told then
    local woken, err = self.waiting:wait(timeout or TIMEOUT)
    if not woken then return nil, err end
  end
  return self.told.answer, self.told.err
end

--- Waits no more.
function waiter:close()
  local list = self.owner.list[self.name]
  if not list then return end
  list[self] = nil
  if next(list) == nil then self.owner.list[self.name] = nil end
end
waiter.__close = waiter.close

local expected = {}
expected.__index = expected

local function name_of(sender, id) return sender .. "\0" .. id end

function expected:add(sender, id)
  local name = name_of(sender, id)
  local new = setmetatable({ owner = self, sender = sender, id = id, name = name,
    waiting = new_waiters() }, waiter)
  self.list[name] = self.list[name] or {}
  self.list[name][new] = true
  return new
end

--- Tells whoever waits for that message.
function expected:tell(sender, id, answer, err)
  if next(self.list) == nil then return end
  for one in pairs(self.list[name_of(sender, id)] or {}) do
    one.told = { answer = answer, err = err }
    one.waiting:wake_all(true)
  end
end

--- For messages of that outbox.
return function(box) return setmetatable({ box = box, list = {} }, expected) end
