--- Hands one complete file of a drop folder on, to its sender or to the script's function, and says
-- what becomes of it. Internal.

local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local message = require "iflow.message"
local target = require "iflow.service.target"
local verdict = require "iflow.verdict"

local ROOM_WAIT = "1h"     -- at the outbox's ceiling; a stop cancels it
local READ_TRIES = 3       -- of a file that the disk does not give
local READ_PAUSE = 10      -- seconds between them

local NOTHING = "Nothing of this file was sent."

-- What happened is not the file's fault: the outbox is full, its disk, memory.
local function is_passing(err)
  return err.code:find "^outbox%." ~= nil or err.code:find "^system%." ~= nil
end

local function failed(err, sent)
  return { to = "failed", reason = err.message, to_do = err.hint, sent = sent or NOTHING }
end

-- What an error that ended the whole file makes of it.
local function judge_error(file, err)
  if err.code == "file.not_found" then return { to = "gone" } end
  if is_passing(err) then return { to = "later", all = true, reason = err.message } end
  if err.retryable and (file.tries or 0) + 1 < READ_TRIES then
    return { to = "later", tried = true, wait = READ_PAUSE, reason = err.message }
  end
  return failed(err)
end

local function counted(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

-- "12 messages accepted, 1 rejected (dead letters), 3 known from before"
local function tell(result)
  local text = counted(result.count - result.known, "message") .. " accepted"
  if result.known > 0 then text = ("%s, %d known from before"):format(text, result.known) end
  if result.rejected > 0 then
    text = ("%s, %d rejected (dead letters in the outbox)"):format(text, result.rejected)
  end
  return text
end

-- Whoever may not read it finds out before a transform does.
local function check_readable(path)
  local reader, err = core.file.reader(path)
  if not reader then return nil, err end
  reader:close()
  return true
end

local function enqueue(sender, file)
  local payload = message.new { body = { file = file.path }, source = { file = file.shown } }
  return sender:enqueue(payload, { ids = file.id, wait = ROOM_WAIT })
end

local function by_sender(service, trigger, file)
  local ok, err = check_readable(file.path)
  if not ok then return judge_error(file, err) end
  local sender
  sender, err = target.sender(service, trigger, file.public)
  if not sender then return failed(err) end
  local result
  result, err = target.call(function() return enqueue(sender, file) end)
  if not result then return judge_error(file, err) end
  return { to = "done", text = tell(result), rejected = result.rejected,
    sent = ("Of what it held before: %s."):format(tell(result)) }
end

local UNKNOWN = "What the function has sent of it before it failed is not known here."

-- What the script's function ended with, as of a job.
local function judge_run(first, second)
  local word = verdict.of(first)
  if word == "retry_after" then
    return { to = "later", wait = first.wait,
      reason = "it asks to be run again after " .. duration.text(first.wait) }
  elseif word == "reject" then
    return failed({ message = first.reason, hint = "see the reason" }, UNKNOWN)
  end
  local summary = type(first) == "table" and type(first.exit_code) == "function"
  if summary and first:exit_code() ~= 0 then
    return failed({ message = tostring(first), hint = "see the log of that time" }, UNKNOWN)
  end
  if first == false or first == nil and second ~= nil then
    local err = errors.wrap(second or "the function returned false", "script.failed")
    return failed(err, UNKNOWN)
  end
  return { to = "done", text = "its function has ended well", rejected = 0,
    sent = "The function of the script had ended well." }
end

--- Hands the file on and waits. file: path, shown, id, public (what the script sees), tries (how
-- often reading it failed before). Returns
--   { to = "done", text =, sent =, rejected = }       all that is in it is durable
--   { to = "failed", reason =, to_do =, sent = }      sent: what became of its messages, a sentence
--   { to = "later", wait = seconds, reason =, all = true when nothing can be taken, tried = true }
--   { to = "gone" }                                   there is no such file any more
return function(service, trigger, file)
  if trigger.options.run then return judge_run(target.call(trigger.options.run, file.public)) end
  return by_sender(service, trigger, file)
end
