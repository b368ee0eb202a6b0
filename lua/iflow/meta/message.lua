---@meta _

--- Messages, and the words of handlers.
---
--- Transforms take and give messages, and senders send them. A text, a table or an iterator is made
--- into one where it is needed.
---
--- ```lua
--- local iflow = require "iflow"
--- local msg = iflow.message.new { data = { order = "4711" }, headers = { Region = "EMEA" } }
--- local changed = msg:with { id = "order-4711", body = "4711" }
--- assert(changed:text() == "4711" and changed.headers.Region == "EMEA" and msg.id == nil)
--- ```

--- Where a message comes from.
---@class iflow.message.source
--- The file.
---@field file? string
--- The line in it.
---@field line? integer
--- The number of the record.
---@field record? integer

--- Fields of `iflow.message.new`.
---@class iflow.message.fields
--- The same on every attempt, also after a crash; the sender gives one when it is nil.
---@field id? string
--- The parsed message.
---@field data? any
--- Its bytes: a text, a file, or a function that returns the next piece at each call.
---@field body? string|iflow.body.file|fun(): string?
--- HTTP headers of its own.
---@field headers? table<string, string>
--- Of the body.
---@field content_type? string
--- 0 before the first attempt, then its number.
---@field attempt? integer
--- Where it comes from; errors name it.
---@field source? iflow.message.source
--- The trace it belongs to.
---@field trace? iflow.trace

--- Fields of `message:with`.
---@class iflow.message.change
--- A new id; false: none, for one of several messages that are made of this one.
---@field id? string|false
--- New data; it takes the place of the body.
---@field data? any
--- A new body. Functions of the message still see the data.
---@field body? string|iflow.body.file|fun(): string?
--- All its headers.
---@field headers? table<string, string>
--- Of the body.
---@field content_type? string
--- Line of the source.
---@field line? integer
--- Record of the source.
---@field record? integer

--- Makes messages.
---@class iflow.message.module
local module = {}

--- A message of these fields; raises when one is wrong.
---@param given iflow.message.fields
---@return iflow.message message
function module.new(given) end

--- A message of whatever can be sent.
---@param payload iflow.payload
---@param source? iflow.message.source For one that has none
---@param level? integer Where it raises, as in `error`
---@return iflow.message message
function module.of(payload, source, level) end

--- Whether a value is a message.
---@param value any
---@return boolean is_message
function module.is(value) end

--- A message.
---@class iflow.message : iflow.message.fields
--- HTTP headers of its own.
---@field headers table<string, string>
--- Where it comes from.
---@field source iflow.message.source
--- 0 before the first attempt, then its number.
---@field attempt integer
--- When the last attempt began, seconds since 1970.
---@field began? number
--- Where the last attempt went.
---@field address? string
--- Number of the transform that made the body of the data.
---@field encoded_by? integer
local message = {}

--- A copy with some fields changed.
---@param change iflow.message.change
---@return iflow.message message
function message:with(change) end

--- An iterator of the bytes of its body, for a generic for. Errors: `transform.invalid` without a
--- body, `file.*`.
---@return (fun(): string?)? pieces
---@return iflow.error? err
function message:pieces() end

--- Its whole body. Errors: `transform.invalid`, `limit.exceeded`, `file.*`.
---@param limit? integer Bytes at most. Default: `16 * 1024 * 1024`.
---@return string? text
---@return iflow.error? err
function message:text(limit) end

--- Where it comes from: "orders.csv:12 (record 11)".
---@return string where
function message:where() end

--- An error with where the message comes from in front.
---@param err any
---@param code? string For what is no `iflow.error`. Default: `"transform.failed"`.
---@return iflow.error err
function message:about(err, code) end

---@class iflow
local iflow = {}

--- What handlers answer.
---@class iflow.verdict
--- The word.
---@field verdict "reject"|"done"|"retry_after"
--- Of a rejection.
---@field reason? string
--- Seconds, of "retry_after".
---@field wait? number

--- Returned by a handler: the message is rejected.
---@param reason string What somebody has to mend
---@return iflow.verdict verdict
function iflow.reject(reason) end

--- Returned by a handler: nothing (more) is to do, the message is left out.
---@return iflow.verdict verdict
function iflow.done() end

--- Returned by a handler: again after a time.
---@param wait iflow.duration
---@return iflow.verdict verdict
function iflow.retry_after(wait) end
