---@meta _

--- The log: what the program says.
---
--- One line an event, to standard error, secrets redacted.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.log.write("debug", "orders", "a file was skipped", { file = "orders.csv", line = 12 })
--- ```

--- How much is written.
---@alias iflow.log.level "error"|"warn"|"info"|"debug"|"trace"

--- The log.
---@class iflow.log
local log = {}

--- The level; sets it when one is given, of all or of one module.
---@param level? iflow.log.level
---@param module? string
---@return iflow.log.level? before The level before; nothing of a module
function log.level(level, module) end

--- Whether a line would be written.
---@param level iflow.log.level
---@param module? string
---@return boolean enabled
function log.enabled(level, module) end

--- Writes a line.
---@param level iflow.log.level
---@param module string Whose line it is
---@param text string
---@param fields? table<string, string|number|boolean> 16 at most; names of a-z and _
function log.write(level, module, text, fields) end

--- Sets the form of lines.
---@param format "text"|"color"|"json"
---@param priority? boolean Lines begin as systemd's journal takes them
function log.format(format, priority) end

--- For tests: keeps lines in memory instead of writing them.
---@param keep boolean
function log.capture(keep) end

--- A text without the secrets that a line of the log would lose.
---@param text string
---@return string redacted
function log.redact(text) end

--- For tests: what was kept since the last call.
---@return string lines
function log.captured() end

--- The last lines of the log; there is one ring at a time.
---@param lines integer How many, 1 to 10000
---@return iflow.log_ring ring
function log.ring(lines) end

--- The last lines of the log. A `<close>` variable ends it.
---@class iflow.log_ring
local ring = {}

--- The lines, oldest first: { number, json }.
---@param after? integer Only those behind this number
---@return { number: integer, json: string }[] lines
---@return integer last Number of the last line
function ring:lines(after) end

--- Ends it. May be repeated.
function ring:close() end
