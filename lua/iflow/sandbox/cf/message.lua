--- Bodies of requests to the Cloud Foundry API: reads them, and says what is wrong with their
--- fields in its words.
local json = require "iflow.core".json
local failure = require "iflow.sandbox.cf.failure"
local web = require "iflow.sandbox.web"

local message = {}

local BODY_MAX = 1024 * 1024

local function is_object(value)
  return type(value) == "table" and not json.is_array(value)
end

local function is_texts(value)
  if type(value) ~= "table" or not json.is_array(value) then return false end
  for _, text in ipairs(value) do
    if type(text) ~= "string" then return false end
  end
  return true
end

--- The JSON object of a body; an empty body is an empty one. Or nil and an answer.
function message.read(request)
  local text, err = request.read_body(BODY_MAX)
  if not text then
    if err.code ~= "limit.exceeded" then return nil, { abort = true } end
    return nil, web.page(413, "Payload Too Large")
  end
  local body = text == "" and {} or json.decode(text)
  if is_object(body) then return body end
  return nil, failure.answer("MessageParseError", "invalid request body")
end

-- What each kind of field may hold, and what is said when it holds something else.
local KINDS = {
  object = { is_object, "%s must be an object" },
  texts = { is_texts, "%s must be a list of strings" },
  text = { function(value) return type(value) == "string" end, "%s must be a string" },
}

local function title(name) return (name:gsub("^%l", string.upper):gsub("_", " ")) end

--- The guid in relationships.NAME.data.guid; nil when there is none.
function message.related(body, name)
  local at = body.relationships
  for _, step in ipairs { name, "data", "guid" } do at = is_object(at) and at[step] or nil end
  return type(at) == "string" and at or nil
end

local function check_field(body, name, kind, complaints)
  local value = body[name]
  if value == json.null then body[name], value = nil, nil end
  if value ~= nil and not KINDS[kind][1](value) then
    complaints[#complaints + 1] = KINDS[kind][2]:format(title(name))
  end
end

--- Complaints about a body, as a list. shape: fields (name -> kind), types (texts that "type" may
--- be), named (whether a name is needed), relations (names of relationships that are needed).
function message.complaints(body, shape)
  local complaints, unknown, names = {}, {}, {}
  for name in pairs(body) do
    if not shape.fields[name] then unknown[#unknown + 1] = name end
  end
  table.sort(unknown)
  if unknown[1] then
    complaints[1] = ("Unknown field(s): '%s'"):format(table.concat(unknown, "', '"))
  end
  for name in pairs(shape.fields) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do check_field(body, name, shape.fields[name], complaints) end
  if shape.types and not shape.types[body.type] then
    complaints[#complaints + 1] = "Type must be one of " .. shape.types.text
  end
  if body.name == "" or shape.named and body.name == nil then
    complaints[#complaints + 1] = "Name can't be blank"
  end
  for _, name in ipairs(shape.relations or {}) do
    if not message.related(body, name) then
      complaints[#complaints + 1] = ("Relationships %s can't be blank"):format(title(name))
    end
  end
  return complaints
end

return message
