---@meta iflow.xml

--- XML: between text and Lua tables.
---
--- An element with text only is that text. Any other is a table: attributes as ["@id"], elements by
--- their names (several of one name as a list), text beside attributes as ["#text"], mixed text in
--- its order as ["#mixed"].
---
--- ```lua
--- local iflow = require "iflow"
--- local text = '<Order id="7"><Item>A</Item><Item>B</Item></Order>'
--- local data = assert(iflow.xml.decode(text))
--- assert(data.Order["@id"] == "7" and data.Order.Item[2] == "B")
--- assert(iflow.xml.encode(data, { declaration = false }) == text)
--- ```

--- Options of `iflow.xml.decode`.
---@class iflow.xml.decode.options
--- { prefix = uri }: names get these prefixes; false: names without prefixes.
---@field namespaces? false|table<string, string>
--- Names that are always lists.
---@field lists? string[]
--- Instead of what the document declares.
---@field encoding? string
--- Nesting at most, 1 to 1000. Default: `128`.
---@field depth? integer
--- Attributes of an element, at most. Default: `256`.
---@field max_attributes? integer
--- Bytes of a text or an attribute, at most. Default: `8 * 1024 * 1024`.
---@field max_text? integer
--- Bytes of a record, at most. Default: `16 * 1024 * 1024`.
---@field max_record? integer

--- Options of `iflow.xml.reader`.
---@class iflow.xml.reader.options : iflow.xml.decode.options
--- Path such as "/Orders/Order": every such element is a record; the document when it is not given.
---@field each? string

--- XML.
---@class iflow.xml
local xml = {}

--- { root = element } of a text. Errors: `transform.invalid`, `limit.exceeded`.
---@param text string
---@param options? iflow.xml.decode.options
---@return table? data
---@return iflow.error? err
function xml.decode(text, options) end

--- The text of a table in that shape. Errors, which name the path: `transform.invalid`,
--- `limit.exceeded`.
---@param value any
---@param options? iflow.transform.to_xml.options
---@return string? text
---@return iflow.error? err
function xml.encode(value, options) end

--- A text with what must be escaped in content and attributes. Errors: `transform.invalid`.
---@param text string
---@return string? escaped
---@return iflow.error? err
function xml.escape(text) end

--- In what order the elements of a table are written; sets it when names are given.
---@param table table
---@param names? string[]
---@return string[]? order
function xml.order(table, names) end

--- A reader for documents of any size.
---@param options? iflow.xml.reader.options
---@return iflow.xml_reader reader
function xml.reader(options) end

--- Takes a document piece by piece and gives its records.
---@class iflow.xml_reader
local reader = {}

--- Gives it the next piece. Ask for records until there are none before the next one.
---@param piece string
function reader:feed(piece) end

--- No more pieces.
function reader:finish() end

--- The next record; false, line, err of one that broke a limit; nil when there is none yet; nil,
--- err when it cannot go on. Errors: `transform.invalid`, `limit.exceeded`.
---@return any data
---@return integer|iflow.error|nil line
---@return iflow.error? err
function reader:next() end

return xml
