---@meta _

--- Retries: whether a message is tried again, and when.
---
--- ```lua
--- local iflow = require "iflow"
--- local policy = iflow.retry { first = "1s", factor = 2, max = "10m", attempts = 12 }
--- assert(policy:limit() == 12)
--- ```
---
--- A sender without a policy has `"sap"`, SAP's own table: 4 attempts; 1 s, 3 s and 9 s after a
--- 500, 503 or 429, 0.3 s, 0.6 s and 1.2 s after what else may pass. `"none"` never repeats. What
--- is in doubt is only repeated when the sender says that it is idempotent.

--- Options of `iflow.retry`.
---@class iflow.retry.options
--- Wait before the first repetition. Default: `"1s"`.
---@field first? iflow.duration
--- Each further wait is this much longer. Default: `2`.
---@field factor? number
--- No wait is longer; `first`, when that is. Default: `"10m"`.
---@field max? iflow.duration
--- Attempts in all, the first one included. Default: `12`.
---@field attempts? integer
--- No attempt begins later than this after the first one. Default: `math.huge`.
---@field deadline? iflow.duration
--- "full": between 0 and the wait; "equal": between half of it and all; "decorrelated": between
--- `first` and three times the last wait. Default: `"full"`.
---@field jitter? "full"|"equal"|"decorrelated"|"none"
--- Only these are tried again: statuses (503), classes ("5xx"), "timeout", "connect", error codes.
--- Without it whatever the outcome "retryable" says.
---@field on? integer|string|(integer|string)[]
--- Whether the wait that an answer asks for counts when it is longer: an hour at most, this at
--- most, or false. Default: `true`.
---@field retry_after? boolean|iflow.duration

--- Asked before each repetition: how many attempts there were, what the last one ended with, and
--- the message. Gives a wait, `iflow.retry_after(wait)`, `iflow.reject(reason)`, or nothing: no
--- repetition.
---@alias iflow.retry.ask fun(attempt: integer, err: iflow.error, message: iflow.message): any

---@class iflow
local iflow = {}

--- A policy; raises when an option is wrong.
---@param options iflow.retry.options
---@return iflow.retry policy
function iflow.retry(options) end

--- What a policy knows of a message.
---@class iflow.retry.about
--- How many attempts there were.
---@field attempt integer
--- Seconds since the first one.
---@field elapsed number
--- Seconds of the last wait.
---@field last_wait? number
--- The message.
---@field message? iflow.message

--- A policy for retries.
---@class iflow.retry
local policy = {}

--- The wait before the next attempt.
---@param err iflow.error What the last attempt ended with
---@param about iflow.retry.about
---@return number? seconds nil: no further attempt
---@return iflow.error? why The policy rejects the message for a reason of its own
function policy:wait(err, about) end

--- How long an endpoint is left alone after failures in a row that were no message's fault.
---@param err iflow.error
---@param strikes integer How many there were
---@return number seconds
function policy:pause(err, strikes) end

--- How many attempts there are in all.
---@return number attempts
function policy:limit() end
