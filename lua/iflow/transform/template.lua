--- iflow.transform.template { … }: a text with the fields of the data in it as the body.
--
--   template { text = "<Order><Id>${id}</Id><City>${address.city:unknown}</City></Order>",
--              escape = "xml" }
--
--   text          "${field}" and "${a.b}" stand for fields, "${items.1.sku}" for one of a list;
--                 "${field:text}" takes the text when the field is missing or null; "$${" is "${"
--   escape        how values (not the text around them) are made safe: "xml", "json" (for places
--                 between quotes) or "none" (default)
--   content_type  by default application/xml, application/json or text/plain, by escape
--
-- A field that is missing without a default, or that is a table, rejects the message. Numbers are
-- written exactly, booleans as true and false.

local core = require "iflow.core"
local errors = require "iflow.error"
local fields = require "iflow.fields"
local options = require "iflow.options"

local known = {
  text = { "string", needed = true },
  escape = options.one_of({ "none", "xml", "json" }, "none"),
  content_type = { "string" },
}

local content_types = { xml = "application/xml", json = "application/json", none = "text/plain" }

-- Each gives the text, or nil, err.
local escapes = {
  none = function(text) return text end,
  xml = core.xml.escape,
  json = function(text)
    local quoted, err = core.json.encode(text)
    if not quoted then return nil, err end
    return quoted:sub(2, -2)
  end,
}

local template = { name = "template" }
template.__index = template

-- The list of texts and places { path =, default = } in the template, or nil, what is wrong.
local function parse(text)
  local parts, at = {}, 1
  while true do
    local from, to, dollar = text:find("(%$?)%${", at)
    if not from then break end
    parts[#parts + 1] = text:sub(at, from - 1)
    if dollar == "$" then
      parts[#parts + 1], at = "${", to + 1
    else
      local close = text:find("}", to, true)
      if not close then return nil, "a '${' without its '}'" end
      local name, default = text:sub(to + 1, close - 1):match "^([^:]*):?(.*)$"
      local has_default = text:sub(to + 1, close - 1):find(":", 1, true)
      if not name:find "^[^%s]" then return nil, "a '${' without the name of a field" end
      parts[#parts + 1] = { path = fields.path(name), default = has_default and default or nil }
      at = close + 1
    end
  end
  parts[#parts + 1] = text:sub(at)
  return parts
end

local function invalid(name, text, ...)
  return nil, errors { code = "transform.invalid",
    message = ("template: field '%s' " .. text):format(name, ...) }
end

local function text_of(value)
  if type(value) == "string" then return value end
  return (core.json.encode(value)) -- numbers and booleans; nil for infinity
end

function template:fill(place, data)
  local value = fields.get(data, place.path)
  if fields.is_missing(value) then value = place.default end
  local name = place.path.name
  if value == nil then return invalid(name, "is missing") end
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    return invalid(name, "is a %s; it must be a text, a number or a boolean", kind)
  end
  local text = text_of(value)
  if not text then return invalid(name, "is no finite number") end
  local escaped, err = self.escape(text)
  if not escaped then return invalid(name, "cannot be written: %s", err.message) end
  return escaped
end

function template:run(message, emit)
  local list = {}
  for at, part in ipairs(self.parts) do
    local text, err = part, nil
    if type(part) == "table" then text, err = self:fill(part, message.data) end
    if not text then return nil, err end
    list[at] = text
  end
  emit(message:with { body = table.concat(list), content_type = self.content_type })
end

return function(given)
  local o = options.check(given, known)
  local parts, problem = parse(o.text)
  if not parts then error("option 'text' has " .. problem, 2) end
  return setmetatable({ parts = parts, escape = escapes[o.escape],
    content_type = o.content_type or content_types[o.escape] }, template)
end
