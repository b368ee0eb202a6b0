---@meta _

--- Transforms: what becomes of a message before it is sent.
---
--- A sender's option `transform` is a list of steps. A step is a function of the message, or one
--- of the transforms below.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.sender "orders" {
---   to = "/http/orders",
---   transform = {
---     iflow.transform.csv { header = true },
---     function(msg)
---       if msg.data.qty == "0" then return iflow.done() end
---       return msg:with { data = { order = msg.data.order, qty = tonumber(msg.data.qty) } }
---     end,
---     iflow.transform.to_json {},
---   },
--- }
--- ```
---
--- A function returns the message (the same or another), a text (the new body), `iflow.done()` to
--- leave the message out, `iflow.reject(reason)`, or nil, err. What fails rejects that message
--- alone.

--- Takes what comes out of a transform.
---@alias iflow.emit fun(message: iflow.message, err?: any)

--- What a transform of one's own is.
---@class iflow.transformer
--- Its name.
---@field name? string
--- Calls emit(message) for each message that comes out, emit(message, err) for a record that is
--- rejected; emit may wait. nil, err rejects the whole message.
---@field run? fun(self: table, message: iflow.message, emit: iflow.emit): any
--- Of one that collects: its state, with `run`, and `finish(self, emit)` for the end of the input.
---@field begin? fun(self: table): table

--- One step of a sender's `transform`.
---@alias iflow.step iflow.transformer|fun(message: iflow.message): any

--- The transforms. Each is a file in lua/iflow/transform; a new file is a new name.
---@class iflow.transform
local transform = {}

--- Options of `iflow.transform.batch`. One of `count` and `bytes` is needed.
---@class iflow.transform.batch.options
--- Messages in one, at most.
---@field count? integer
--- Bytes of the bodies together, at most; data counts as its JSON.
---@field bytes? number
--- Between bodies. Default: `""`.
---@field separator? string
--- The name under which the list of data stands; without it the data is the list.
---@field field? string

--- Many messages into one. It has headers, content type and source of the first one in it.
---@param given iflow.transform.batch.options
---@return iflow.transformer step
function transform.batch(given) end

--- Options of `iflow.transform.charset`.
---@class iflow.transform.charset.options
--- The body's character set: CP1252, ISO-8859-1, IBM037 … (what `iconv -l` lists). Default:
--- `"UTF-8"`.
---@field from? string
--- The new one. Default: `"UTF-8"`.
---@field to? string
--- What becomes of what is not valid: the message is rejected, or it is replaced. Default:
--- `"reject"`.
---@field invalid? "reject"|"replace"
--- U+0085, the line end of many EBCDIC files, becomes a line feed. Default: `false`.
---@field nel? boolean

--- The body from one character set into another.
---@param given? iflow.transform.charset.options
---@return iflow.transformer step
function transform.charset(given) end

--- Options of `iflow.transform.csv`.
---@class iflow.transform.csv.options
--- true: the first record has the names; a list of them; false: records are lists. Default: `true`.
---@field header? boolean|string[]
--- One byte. Default: `","`.
---@field delimiter? string
--- One byte; false: quotes are data. Default: `'"'`.
---@field quote? string|false
--- Blanks around fields do not belong to them. Default: `false`.
---@field trim? boolean
--- A field with just this text and no quotes is `iflow.json.null`.
---@field null? string
--- Lines before the header or the first record. Default: `0`.
---@field skip? integer
--- Bytes of a record, at most. Default: `16 * 1024 * 1024`.
---@field max_record? integer

--- CSV (RFC 4180) into one message a record. A bad record is rejected alone.
---@param given? iflow.transform.csv.options
---@return iflow.transformer step
function transform.csv(given) end

--- A column at a fixed place; `{ "id", 10 }` is short for name and width.
---@class iflow.column
--- Name of the field.
---@field name? string
--- Width in characters.
---@field width? integer
--- Name of the field.
---@field [1]? string
--- Width in characters.
---@field [2]? integer
--- First character, from 1; without it where the column before it ends.
---@field from? integer
--- What its text becomes. Default: `"string"`.
---@field type? "string"|"integer"|"number"
--- Of a number without a point: 0001234 with 2 decimals is 12.34.
---@field decimals? integer
--- Of reading: which blanks do not belong to the value; "both" when it is not given.
---@field trim? "both"|"left"|"right"|"none"
--- Of writing: texts stand left, numbers right, unless it is given.
---@field align? "left"|"right"
--- Of writing: what fills up, one character; a blank when it is not given.
---@field fill? string

--- Options of `iflow.transform.fixed_width`. One of `columns` and `widths` is needed.
---@class iflow.transform.fixed_width.options
--- The columns, or only their names.
---@field columns? (iflow.column|string)[]
--- Their widths; alone: records are lists.
---@field widths? integer[]
--- Characters of a record, for input without line breaks.
---@field record_length? integer
--- What becomes of a line that ends before its columns. Default: `"reject"`.
---@field short? "reject"|"pad"
--- What widths count. Default: `"characters"`.
---@field unit? "characters"|"bytes"
--- Empty lines are no records. Default: `true`.
---@field skip_empty? boolean
--- Bytes of a line, at most. Default: `16 * 1024 * 1024`.
---@field max_line? integer

--- Records with columns at fixed places into one message each.
---@param given iflow.transform.fixed_width.options
---@return iflow.transformer step
function transform.fixed_width(given) end

--- Options of `iflow.transform.gunzip`.
---@class iflow.transform.gunzip.options
--- Bytes that may come out. Default: `4 * 1024 * 1024 * 1024`.
---@field max? integer

--- Undoes gzip. Beyond its limit the message is rejected.
---@param given? iflow.transform.gunzip.options
---@return iflow.transformer step
function transform.gunzip(given) end

--- Options of `iflow.transform.gzip`.
---@class iflow.transform.gzip.options
--- 1 (quick) to 9 (small). Default: `6`.
---@field level? integer
--- true: the message keeps its type and gets the header Content-Encoding. Default: `false`.
---@field encoding? boolean

--- Compresses the body. The same bytes give the same result.
---@param given? iflow.transform.gzip.options
---@return iflow.transformer step
function transform.gzip(given) end

--- Options of `iflow.transform.json`.
---@class iflow.transform.json.options
--- One document a line: one message a line. Default: `false`.
---@field lines? boolean
--- What a number becomes that no integer and no float can hold: an error, its text, a rounded one.
--- Default: `"exact"`.
---@field numbers? "exact"|"string"|"float"
--- A name twice in one object. Default: `"error"`.
---@field duplicates? "error"|"first"|"last"
--- Nesting at most, 1 to 1000. Default: `128`.
---@field depth? integer
--- Bytes of a document, at most. Default: `16 * 1024 * 1024`.
---@field max_record? integer

--- JSON into data.
---@param given? iflow.transform.json.options
---@return iflow.transformer step
function transform.json(given) end

--- Options of `iflow.transform.lines`.
---@class iflow.transform.lines.options
--- Lines without a character are left out. Default: `true`.
---@field skip_empty? boolean
--- Bytes of a line, at most. Default: `16 * 1024 * 1024`.
---@field max_line? integer

--- One message a line, its text the body.
---@param given? iflow.transform.lines.options
---@return iflow.transformer step
function transform.lines(given) end

--- How a field is converted; [1] is the kind.
---@class iflow.transform.map.convert
--- What it becomes. Needed.
---@field [1] "integer"|"number"|"string"|"boolean"
--- The decimal sign. Default: `"."`.
---@field decimal? string
--- The sign between thousands.
---@field thousands? string
--- Texts that are true; "true", "yes", "1" when it is not given.
---@field yes? string[]
--- Texts that are false; "false", "no", "0" when it is not given.
---@field no? string[]

--- Returns the new value, nil to remove the field, or nil, err.
---@alias iflow.transform.map.converter fun(value: any, data: table): any, any

--- What a field becomes: a kind, a table with it, or a function.
---@alias iflow.transform.map.kind string|iflow.transform.map.convert|iflow.transform.map.converter

--- Options of `iflow.transform.map`; done in this order. A name may be a path, "address.city".
---@class iflow.transform.map.options
--- What becomes of fields with an empty text; "drop": they count as missing. Default: `"keep"`.
---@field empty? "keep"|"drop"
--- Old name = new name.
---@field rename? table<string, string>
--- Only these stay.
---@field pick? string[]
--- All but these stay.
---@field drop? string[]
--- Values, or functions of the data, for fields that are missing or null.
---@field default? table<string, any>
--- What fields become, by name.
---@field convert? table<string, iflow.transform.map.kind>

--- The fields of a record, by plain data. All fields that cannot be converted are named in one
--- error.
---@param given? iflow.transform.map.options
---@return iflow.transformer step
function transform.map(given) end

--- Options of `iflow.transform.split`.
---@class iflow.transform.split.options
--- The list, by its name or path; without it the data itself.
---@field field? string
--- Fields of the whole that every item gets.
---@field copy? string[]
--- Instead: a function that returns the parts, a list or an iterator, or nil, err.
---@field by? fun(message: iflow.message): any, any

--- One message into many.
---@param given? iflow.transform.split.options
---@return iflow.transformer step
function transform.split(given) end

--- Options of `iflow.transform.template`.
---@class iflow.transform.template.options
--- "${field}" and "${a.b}" stand for fields, "${field:text}" has a text for a missing one. Needed.
---@field text string
--- How values are made safe. Default: `"none"`.
---@field escape? "none"|"xml"|"json"
--- Of the body; without it by `escape`.
---@field content_type? string

--- A text with the fields of the data in it as the body.
---@param given iflow.transform.template.options
---@return iflow.transformer step
function transform.template(given) end

--- Options of `iflow.transform.to_csv`.
---@class iflow.transform.to_csv.options
--- Names of the fields in their order; without it all of the first record, sorted.
---@field columns? string[]
--- A first line with the names; without it when there are names.
---@field header? boolean
--- One byte. Default: `","`.
---@field delimiter? string
--- One byte; false: never quotes. Default: `'"'`.
---@field quote? string|false
--- Quotes around every field. Default: `false`.
---@field quote_all? boolean
--- What stands for nil and null; nothing when it is not given.
---@field null? string
--- Between records. Default: `"\r\n"`.
---@field line_end? "\r\n"|"\n"

--- A record, or a list of records, into CSV (RFC 4180).
---@param given? iflow.transform.to_csv.options
---@return iflow.transformer step
function transform.to_csv(given) end

--- Options of `iflow.transform.to_fixed_width`. One of `columns` and `widths` is needed.
---@class iflow.transform.to_fixed_width.options
--- The columns, or only their names.
---@field columns? (iflow.column|string)[]
--- Their widths; alone: for records that are lists.
---@field widths? integer[]
--- A text that is too long is cut off; else the record is rejected. Default: `false`.
---@field cut? boolean
--- Between records. Default: `"\n"`.
---@field line_end? "\n"|"\r\n"|""

--- A record, or a list of records, into lines with columns at fixed places.
---@param given iflow.transform.to_fixed_width.options
---@return iflow.transformer step
function transform.to_fixed_width(given) end

--- Options of `iflow.transform.to_json`.
---@class iflow.transform.to_json.options
--- Two spaces a level. Default: `false`.
---@field pretty? boolean
--- Names in the order of their bytes. Default: `false`.
---@field sort? boolean
--- Nesting at most, 1 to 1000. Default: `128`.
---@field depth? integer

--- Data as JSON.
---@param given? iflow.transform.to_json.options
---@return iflow.transformer step
function transform.to_json(given) end

--- Options of `iflow.transform.to_xml`.
---@class iflow.transform.to_xml.options
--- The root element's name; without it the data is a table with one name, the root's.
---@field root? string
--- Name of each element when the data is a list.
---@field item? string
--- Order of elements: of the root as a list, of others by their name.
---@field order? table
--- Declared at the root: { prefix = uri }.
---@field namespaces? table<string, string>
--- What becomes of null. Default: `"omit"`.
---@field null? "omit"|"empty"
--- Two spaces a level. Default: `false`.
---@field pretty? boolean
--- The line <?xml … ?>. Default: `true`.
---@field declaration? boolean
--- Nesting at most, 1 to 1000. Default: `128`.
---@field depth? integer

--- Data as XML.
---@param given? iflow.transform.to_xml.options
---@return iflow.transformer step
function transform.to_xml(given) end

--- A rule of `iflow.transform.validate`, for the data, a field or an item.
---@class iflow.transform.validate.rule
--- Its type.
---@field type? "string"|"number"|"integer"|"boolean"|"table"|"list"
--- It must be there; null counts as missing. Default: `false`.
---@field required? boolean
--- The values that are allowed.
---@field enum? any[]
--- A Lua pattern that a text must match.
---@field pattern? string
--- Least number.
---@field min? number
--- Largest number.
---@field max? number
--- Of a text in characters, of a list in items.
---@field min_length? integer
--- Of a text in characters, of a list in items.
---@field max_length? integer
--- Rules for the fields of a table, by name.
---@field fields? table<string, iflow.transform.validate.rule>
--- Whether other fields may be there. Default: `"allow"`.
---@field extra? "allow"|"refuse"
--- The rule for each item of a list.
---@field list? iflow.transform.validate.rule
--- Gives true; or false and what is wrong.
---@field check? fun(value: any, data: any): boolean, string?

--- Rejects records that do not fit a schema; all that is wrong with one is in one error, and in
--- `err.problems` as a list.
---@param given iflow.transform.validate.rule
---@return iflow.transformer step
function transform.validate(given) end

--- Options of `iflow.transform.xml`.
---@class iflow.transform.xml.options
--- Path such as "/Orders/Order": every such element is a message; "*" is any name.
---@field each? string
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

--- XML into data. An element with text only is that text; any other is a table with attributes as
--- ["@id"], elements by name, and text beside attributes as ["#text"].
---@param given? iflow.transform.xml.options
---@return iflow.transformer step
function transform.xml(given) end
