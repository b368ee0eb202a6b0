--- What a list or a resource of the Cloud Foundry API brings along when it is asked to, under
--- "included": whole resources by include=NAME,…, chosen fields of them by fields[NAME]=FIELD,….
local core = require "iflow.core"
local failure = require "iflow.sandbox.cf.failure"

local included = {}

local function words(text)
  local list = {}
  for word in text:gmatch "[^,]+" do list[#list + 1] = word end
  return list
end

local function quoted(names) return "'" .. table.concat(names, "', '") .. "'" end

local function sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function bad(text, ...) return nil, failure.answer("BadQueryParameter", text:format(...)) end

-- The chosen fields of a resource; "relationships.NAME" is one relationship.
local function pick(resource, fields)
  local out = {}
  for _, field in ipairs(fields) do
    local related = field:match "^relationships%.(.+)$"
    if related then
      out.relationships = out.relationships or {}
      out.relationships[related] = resource.relationships[related]
    else
      out[field] = resource[field]
    end
  end
  return out
end

local function add_whole(out, text, offers)
  for _, name in ipairs(words(text)) do
    local offer = offers[name]
    if not offer then
      return bad("Invalid included resource: '%s'. Valid included resources are: %s", name,
                 quoted(sorted(offers)))
    end
    out[offer.key] = core.json.array(offer.resources())
  end
  return true
end

local function add_fields(out, name, text, offers)
  local offer = offers[name]
  if not offer then
    return bad("Fields [%s] is not a valid resource; valid are: %s", name, quoted(sorted(offers)))
  end
  local chosen = words(text)
  for _, field in ipairs(chosen) do
    if not offer.fields[field] then
      return bad("Fields valid keys for '%s' are: %s", name, quoted(sorted(offer.fields)))
    end
  end
  local list = core.json.array {}
  for i, resource in ipairs(offer.resources()) do list[i] = pick(resource, chosen) end
  out[offer.key] = list
  return true
end

--- A function that tells whether a field of a query is for this file. offers: as for of, or nil.
function included.known(offers)
  return function(name)
    if name == "include" then return offers ~= nil and offers.include ~= nil end
    return name:match "^fields%[.*%]$" ~= nil and offers ~= nil and offers.fields ~= nil
  end
end

--- What the fields of a query ask for; nil when they ask for nothing; false and an answer when
--- that cannot be had. offers: include and fields, each name -> { key, resources() -> list,
--- fields (those that can be chosen, as a set) }.
function included.of(query_fields, offers)
  local out = {}
  for name, text in pairs(query_fields) do
    local of, ok, refused = name:match "^fields%[(.*)%]$", true, nil
    if name == "include" then
      ok, refused = add_whole(out, text, offers.include)
    elseif of then
      ok, refused = add_fields(out, of, text, offers.fields)
    end
    if not ok then return false, refused end
  end
  return next(out) and out or nil
end

return included
