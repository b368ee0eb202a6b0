--- The words that handlers answer with: transforms, retry policies, callbacks, jobs.
--
--   return iflow.reject("customer is unknown")   the message is rejected, with this reason
--   return iflow.done()                          nothing (more) is to do: left out, or finished
--   return iflow.retry_after("30s")              try again after this time (seconds or text)
--
-- Each is a table { verdict = "reject" | "done" | "retry_after", reason =, wait = seconds }.

local duration = require "iflow.duration"

local class = { __name = "iflow.verdict" }

local verdict = {}

--- Rejects the message. reason: text for the log and the file of rejects.
function verdict.reject(reason)
  if type(reason) ~= "string" or reason == "" then
    error("iflow.reject takes the reason, a text that tells somebody what to mend", 2)
  end
  return setmetatable({ verdict = "reject", reason = reason }, class)
end

--- Nothing is left to do.
function verdict.done() return setmetatable({ verdict = "done" }, class) end

--- Once more after this time. wait: seconds or "5m".
function verdict.retry_after(wait)
  return setmetatable({ verdict = "retry_after", wait = duration.check(wait, "wait") }, class)
end

--- The word of a value ("reject", "done", "retry_after"), nil when it is none.
function verdict.of(value)
  return getmetatable(value) == class and value.verdict or nil
end

function class:__tostring()
  return "iflow.verdict: " .. self.verdict .. (self.reason and " (" .. self.reason .. ")" or "")
end

return verdict
