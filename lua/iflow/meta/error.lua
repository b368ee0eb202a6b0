---@meta _

--- Errors: what failures look like.
---
--- A function that can fail at run time returns `nil, err`. Compare `err.code`, never texts;
--- `tostring(err)` gives "code: message (hint)".
---
--- ```lua
--- local iflow = require "iflow"
--- local value, err = iflow.json.decode "{"
--- assert(value == nil and err.code == "json.invalid" and not err.retryable)
--- assert(iflow.error.exit_code(err) == 2)
--- ```

--- A failure.
---@class iflow.error
--- Stable and dotted, "token.rejected"; the only field to compare.
---@field code string
--- What happened, where and why likely; one line.
---@field message string
--- What to do next.
---@field hint? string
--- The same thing may work later.
---@field retryable? boolean
--- Of a call: what became of the message.
---@field outcome? "rejected"|"retryable"|"in_doubt"
--- HTTP status.
---@field status? integer
--- Of a call: header fields of the answer.
---@field headers? table<string, any>
--- Of a call: the answer's body, 64 KiB of it.
---@field body? string
--- Of a call: how often something was repaired.
---@field repairs? integer
--- Id of the message processing log.
---@field message_id? string
--- Seconds that the answer asks to wait.
---@field retry_after? number
--- Number of the operating system or of a library.
---@field native? integer
--- What it came from.
---@field cause? any
--- Where it was raised.
---@field traceback? string
--- Of `iflow.transform.validate`: all that is wrong.
---@field problems? string[]
--- Of `iflow.odata`: what the API itself said.
---@field said? string

--- Fields of a new error; others are kept, too.
---@class iflow.error.fields : iflow.error
--- Of the list of codes, or one of your own.
---@field code string
--- What happened.
---@field message string
--- What to do next; by the code when it is not given.
---@field hint? string
--- By the code when it is not given.
---@field retryable? boolean

--- Makes errors. Calling it makes one of a table, which becomes the error.
---@class iflow.error.module
---@overload fun(fields: iflow.error.fields): iflow.error
local module = {}

--- Whether a value is an error.
---@param value any
---@return boolean is_error
function module.is(value) end

--- An error of any value that was raised.
---@param value any
---@param code? string For what is none. Default: `"script.failed"`.
---@return iflow.error err
function module.wrap(value, code) end

--- A handler for xpcall: texts become errors of that code, with traceback.
---@param code string
---@return fun(err: any): any handler
function module.handler(code) end

--- What a command ends with: 0 fine, 1 rejected, 2 usage, 3 credentials, 4 temporary, 5 in doubt.
---@param err iflow.error|string An error or a code
---@return integer exit_code
function module.exit_code(err) end

--- What is known of a code.
---@param code string
---@return { retryable: boolean, exit_code: integer, hint: string }? info nil of an unknown one
function module.info(code) end

--- All codes.
---@return string[] codes
function module.codes() end
