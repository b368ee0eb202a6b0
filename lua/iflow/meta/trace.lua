---@meta _

--- Traces: through many systems, by W3C Trace Context.
---
--- ```lua
--- local iflow = require "iflow"
--- local found = assert(iflow.trace.parse(
---   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
--- assert(iflow.trace.id(iflow.trace.child(found)) == iflow.trace.id(found))
--- local msg = iflow.message.new { body = "4711", trace = found }
--- assert(msg.trace == found)
--- ```

--- A trace; a message keeps it as its field `trace`.
---@class iflow.trace
--- The header field.
---@field traceparent string
--- The header field.
---@field tracestate? string

--- Makes traces.
---@class iflow.trace.module
local module = {}

--- The trace of two header fields.
---@param traceparent any
---@param tracestate? any
---@return iflow.trace? trace nil when traceparent is missing or not valid
function module.parse(traceparent, tracestate) end

--- A new trace.
---@return iflow.trace trace
function module.make() end

--- The same trace with a new parent id, for what is sent now.
---@param from iflow.trace
---@return iflow.trace trace
function module.child(from) end

--- The id of a trace.
---@param from? iflow.trace
---@return string? id 32 hexadecimal digits
function module.id(from) end

--- Whether a value is a trace.
---@param value any
---@return boolean is_trace
function module.is(value) end
