--- iflow.transform.split { … }: one message into many.
--
--   split { field = "Order.Item", copy = { "Order.@id" } }     a message an item of the list
--   split { by = function(message) return parts end }          a message a part
--
--   field   the list, by its name or path; without it the data itself. A value that is no list is
--           one item (as XML has it); a field that is missing or null rejects the message
--   copy    fields of the whole that every item gets, under the last step of their names; then
--           items must be tables
--   by      a function of the message: returns a list, or an iterator (a function that returns the
--           next part at each call, nil at the end), or nil, err. A part is the data of the new
--           message; a message stands for itself
--
-- An empty list gives no message. The parts of a record keep its number in msg.source.record; those
-- of a message without one are counted there.

local core = require "iflow.core"
local errors = require "iflow.error"
local fields = require "iflow.fields"
local is_message = require("iflow.message").is
local options = require "iflow.options"

local known = {
  field = { "string" },
  copy = options.texts(),
  by = { "function" },
}

local split = { name = "split" }
split.__index = split

local function invalid(text, ...)
  return nil, errors { code = "transform.invalid", message = ("split: " .. text):format(...) }
end

-- The items of a value: itself when it is a list, else a list of it.
local function items_of(value)
  local is_list = type(value) == "table" and (#value > 0 or core.json.is_array(value))
  if is_list then return value end
  return { value }
end

-- The item with the fields to copy, or nil, err.
function split:complete(item, data, number)
  if not self.copy then return item end
  if type(item) ~= "table" then return invalid("item %d is a %s, no table", number, type(item)) end
  local copy = fields.copy(item)
  for _, path in ipairs(self.copy) do
    local value = fields.get(data, path)
    if value ~= nil then copy[path[#path]] = value end
  end
  return copy
end

local function run_field(self, message, emit)
  local list = message.data
  if self.path then list = fields.get(list, self.path) end
  if fields.is_missing(list) then
    return invalid(self.path and "field '%s' is missing" or "the message has no data",
      self.path and self.path.name)
  end
  for number, item in ipairs(items_of(list)) do
    local data, err = self:complete(item, message.data, number)
    local record = message.source.record or number
    emit(message:with { data = err and item or data, record = record, id = false }, err)
  end
end

-- A list as an iterator.
local function iterator(parts)
  if type(parts) == "function" then return parts end
  local at = 0
  return function()
    at = at + 1
    return parts[at]
  end
end

local function run_by(self, message, emit)
  local parts, err = self.by(message)
  if parts == nil and err ~= nil then return nil, err end
  if type(parts) ~= "table" and type(parts) ~= "function" then
    error("the function of split must return a list or an iterator, not a " .. type(parts), 0)
  end
  local number = 0
  for part in iterator(parts) do
    number = number + 1
    if is_message(part) then
      emit(part)
    else
      emit(message:with { data = part, record = message.source.record or number, id = false })
    end
  end
end

function split:run(message, emit)
  if self.by then return run_by(self, message, emit) end
  return run_field(self, message, emit)
end

return function(given)
  local o = options.check(given, known)
  if o.by and (o.field or o.copy) then
    error("option 'by' makes the parts alone, without 'field' and 'copy'", 2)
  end
  local copy
  for at, name in ipairs(o.copy or {}) do
    copy = copy or {}
    copy[at] = fields.path(name)
  end
  return setmetatable({ by = o.by, path = o.field and fields.path(o.field), copy = copy }, split)
end
