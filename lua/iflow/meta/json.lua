---@meta iflow.json

--- JSON: between text and Lua tables.
---
--- ```lua
--- local iflow = require "iflow"
--- local json = iflow.json
--- local order = assert(json.decode '{"id":4711,"items":[],"note":null}')
--- assert(order.id == 4711 and json.is_array(order.items) and order.note == json.null)
--- assert(json.encode({ b = 1, a = { true } }, { sort = true }) == '{"a":[true],"b":1}')
--- ```
---
--- 1 is an integer, 1.0 and 1e0 are floats, both ways. A table is an array when it is marked or has
--- items, else an object.

--- Options of `iflow.json.decode`.
---@class iflow.json.decode.options
--- What a number becomes that no integer and no float can hold: an error, its text, a rounded one.
--- Default: `"exact"`.
---@field numbers? "exact"|"string"|"float"
--- A name twice in one object. Default: `"error"`.
---@field duplicates? "error"|"first"|"last"
--- Nesting at most, 1 to 1000. Default: `128`.
---@field depth? integer

--- Options of `iflow.json.encode`.
---@class iflow.json.encode.options
--- Two spaces a level. Default: `false`.
---@field pretty? boolean
--- Names in the order of their bytes. Default: `false`.
---@field sort? boolean
--- Nesting at most, 1 to 1000. Default: `128`.
---@field depth? integer

--- JSON.
---@class iflow.json
--- What null is decoded to and encoded from.
---@field null userdata
local json = {}

--- The value of a text. Errors: `json.invalid`, `json.number`, `limit.exceeded`.
---@param text string
---@param options? iflow.json.decode.options
---@return any value
---@return iflow.error? err
function json.decode(text, options) end

--- The text of a value. Errors, which name the path: `json.unencodable`, `limit.exceeded`.
---@param value any
---@param options? iflow.json.encode.options
---@return string? text
---@return iflow.error? err
function json.encode(value, options) end

--- Marks a table, also an empty one, to be written as [].
---@generic T: table
---@param t T
---@return T t
function json.array(t) end

--- Marks a table to be written as {}.
---@generic T: table
---@param t T
---@return T t
function json.object(t) end

--- Whether a table is marked as an array; decoded arrays are.
---@param t any
---@return boolean is_array
function json.is_array(t) end

return json
