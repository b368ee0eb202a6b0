--- iflow.transform.to_xml { … }: data as XML; the content type becomes application/xml.
--
--   to_xml {}                                        data as xml {} gives it: { Order = { … } }
--   to_xml { root = "Order", order = { "Id", "Qty" } }            a record as one element
--   to_xml { root = "Orders", item = "Order" }                    a list of records
--
--   root         the root element's name; the data is what is in it. Without it the data is a table
--                with one name, the root's
--   item         the name of each element when the data is a list
--   order        in what order elements are written: in the root { "Id", "Item" }, in others by
--                their name { Item = { "Sku", "Qty" } }. Others keep the order in which xml {} read
--                them, and come sorted by name when there is none
--   namespaces   { prefix = uri }, declared at the root; "{uri}name" gets the prefix
--   null         json.null as an element: "omit" (default) or "empty"
--   pretty       true: two spaces a level
--   declaration  false: without the line <?xml version="1.0" encoding="UTF-8"?>
--   depth        nesting, 128 by default, at most 1000
--
-- The shape of the data is that of xml {}; numbers and booleans as their texts. What XML
-- cannot hold (a name with a blank, control characters, a prefix that is not declared) rejects the
-- message and names the path.

local core = require "iflow.core"
local errors = require "iflow.error"
local options = require "iflow.options"

local function is_namespaces(value)
  for prefix, uri in pairs(value) do
    if type(prefix) ~= "string" or type(uri) ~= "string" then return false end
  end
  return true
end

-- Whether the list has only names; with `others` also lists of names under names.
local function is_order(value, others)
  for key, name in pairs(value) do
    local fine = math.type(key) == "integer" and type(name) == "string"
      or others and type(key) == "string" and type(name) == "table" and is_order(name)
    if not fine then return false end
  end
  return true
end

local known = {
  root = { "string" },
  item = { "string" },
  order = { "table", fine = function(value) return is_order(value, true) end,
            text = "a list of names, or { element = list of names }" },
  namespaces = { "table", fine = is_namespaces, text = "{ prefix = uri }" },
  null = options.one_of({ "omit", "empty" }, "omit"),
  pretty = { "boolean", default = false },
  declaration = { "boolean", default = true },
  depth = options.integer(1, 1000, 128),
}

local to_xml = { name = "to_xml" }
to_xml.__index = to_xml

function to_xml:run(message, emit)
  if message.data == nil then
    return nil, errors { code = "transform.invalid", message = "to_xml needs data, not a body",
      hint = "put a transform before it that makes data, for example json {} or csv {}" }
  end
  local text, err = core.xml.encode(message.data, self.options)
  if not text then return nil, err end
  emit(message:with_bytes(text, "application/xml"))
end

return function(given)
  local o = options.check(given, known)
  if o.item and not o.root then error("option 'item' needs the option 'root'", 2) end
  return setmetatable({ options = o }, to_xml)
end
