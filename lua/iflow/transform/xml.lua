--- iflow.transform.xml { … }: XML into data.
--
--   xml {}                             the body is one document: msg.data.Orders
--   xml { each = "/Orders/Order" }     every such element is a message: msg.data.Customer
--
--   each            a path of elements from the root on, "*" for any name; then the document may
--                   have any size. Data is what is in the element (its name, too, if "*" is last)
--   namespaces      nil: names and declarations as they are written; { o = "urn:orders" }: names
--                   get these prefixes, whatever the document uses ("" for none, other ones as
--                   "{uri}name"); false: names without prefixes
--   lists           names that are always lists, { "Item" }, also when there is only one
--   encoding        instead of what the document declares
--   depth           nesting, 128 by default, at most 1000
--   max_attributes  of an element, 256 by default
--   max_text        bytes of a text or an attribute, 8 MiB by default
--   max_record      bytes of a record (a document without `each`), 16 MiB by default
--
-- An element with text only is that text. Any other is a table: attributes as ["@id"], elements by
-- their names (several of one name as a list), text beside attributes as ["#text"]; text between
-- elements, in its order, as ["#mixed"] = { "some ", { b = "bold" }, " text" }. So
--   <Order id="7"><Customer>ACME</Customer><Item>A</Item><Item>B</Item></Order>
-- is { Order = { ["@id"] = "7", Customer = "ACME", Item = { "A", "B" } } }, and to_xml {} writes it
-- as it was: a table remembers the order of its elements.
--
-- Comments, processing instructions and white space between elements are dropped. Declarations of
-- entities are refused and nothing outside of the document is ever loaded. A record beyond a limit
-- is rejected alone; where the document itself is broken, what came before it was sent.

local core = require "iflow.core"
local options = require "iflow.options"
local stream = require "iflow.stream"

local function is_namespaces(value)
  if value == true then return false end
  for prefix, uri in pairs(value or {}) do
    if type(prefix) ~= "string" or type(uri) ~= "string" then return false end
  end
  return true
end

local known = {
  each = { "string" },
  namespaces = { "table", "boolean", fine = is_namespaces, text = "{ prefix = uri } or false" },
  lists = options.texts(),
  encoding = { "string" },
  depth = options.integer(1, 1000, 128),
  max_attributes = options.integer(0, 10000, 256),
  max_text = options.integer(0, 2 ^ 30 | 0, 2 ^ 23 | 0),
  max_record = options.integer(1, 2 ^ 30 | 0, 2 ^ 24 | 0),
}

local xml = { name = "xml" }
xml.__index = xml

-- One message a record. Of what is rejected no bytes are kept, so that nobody sends a document
-- again whose first records were delivered.
local function run_each(self, message, emit)
  local record = 0
  local reader = core.xml.reader(self.options)
  local done, failure = stream.each(message, reader, function(data, line, err)
    record = record + 1
    local change = { line = line, record = record, id = false }
    change.data = data or nil
    change.body = not data and "" or nil
    emit(message:with(change), err)
  end)
  if done then return end
  if record == 0 then return nil, failure end
  emit(message:with { body = "", record = record + 1, id = false }, failure)
end

function xml:run(message, emit)
  if self.options.each then return run_each(self, message, emit) end
  local data, refused
  local done, failure = stream.each(message, core.xml.reader(self.options), function(value, _, err)
    data, refused = value, err
  end)
  if not done or refused then return nil, failure or refused end
  emit(message:with { data = data })
end

return function(given)
  local o = options.check(given, known)
  local fine, problem = pcall(core.xml.reader, o)
  if not fine then error(problem, 2) end
  return setmetatable({ options = o }, xml)
end
