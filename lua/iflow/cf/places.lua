--- Organizations and spaces of the Cloud Foundry API by their names, for lua/iflow/cf.lua: which
--- spaces are looked into, and the one in which something new is made.
local errors = require "iflow.error"
local suggest = require "iflow.suggest"

local places = {}
places.__index = places

local SHOWN = 8 -- names of what there is, in an error
local NO_SPACE = "the user needs the role Space Developer in a space: BTP cockpit > subaccount > "
  .. "Cloud Foundry > Spaces > (space) > Members"

--- options: org and space (names, either may be nil), space_guid (when it is known already).
function places.new(connection, options)
  return setmetatable({ connection = connection, options = options }, places)
end

--- The error for a name that is not among those there are. kind: "organization"; where: "" or " in
--- …"; list: resources with names.
function places.not_found(kind, name, where, list)
  local names = {}
  for i, one in ipairs(list) do names[i] = one.name end
  table.sort(names)
  local text = suggest.message(("there is no %s '%s'%s for this user"):format(kind, name, where),
                               name, names)
  local more = #names > SHOWN and (" and %d more"):format(#names - SHOWN) or ""
  local hint = names[1] and "there are: " .. table.concat(names, ", ", 1, math.min(#names, SHOWN))
    .. more or nil
  return errors { code = "cf.not_found", message = text, hint = hint }
end

--- A filter by one name; nil for a name that would be several, since commas separate them.
function places.name_filter(name) return not name:find(",", 1, true) and name or nil end

--- Those of a list that are called so: a platform may compare names without their case.
function places.named(list, name)
  local exact = {}
  for _, one in ipairs(list) do
    if one.name == name then exact[#exact + 1] = one end
  end
  return exact
end

-- The organization of that name.
local function organization(self, name)
  local path, what = "/v3/organizations", ("find the organization '%s'"):format(name)
  local found, err = self.connection:list(path, what, { names = places.name_filter(name) })
  if not found then return nil, err end
  local one = places.named(found, name)[1]
  if one then return one end
  found, err = self.connection:list(path, what)
  if not found then return nil, err end
  return nil, places.not_found("organization", name, "", found)
end

local function guid_in(resource, relation)
  local to = type(resource.relationships) == "table" and resource.relationships[relation]
  return type(to) == "table" and type(to.data) == "table" and to.data.guid or nil
end
places.related = guid_in

-- { guid, name, organization } of the spaces that a query finds.
local function spaces_of(self, fields)
  fields.include = "organization"
  local found, included = self.connection:list("/v3/spaces", "find the spaces", fields)
  if not found then return nil, included end
  local list = {}
  for i, space in ipairs(found) do
    local owner = (included.organizations or {})[guid_in(space, "organization")]
    list[i] = { guid = space.guid, name = space.name, organization = owner and owner.name }
  end
  return list
end

local function look(self)
  local options, fields, where = self.options, {}, ""
  if options.space_guid then
    return { { guid = options.space_guid, name = options.space, organization = options.org } }
  end
  if options.org then
    local owner, err = organization(self, options.org)
    if not owner then return nil, err end
    fields.organization_guids, where = owner.guid, (" in organization '%s'"):format(owner.name)
  end
  fields.names = options.space and places.name_filter(options.space)
  local list, err = spaces_of(self, fields)
  if list and options.space then list = places.named(list, options.space) end
  if not list or list[1] or not options.space then return list, err end
  list, err = spaces_of(self, { organization_guids = fields.organization_guids })
  if not list then return nil, err end
  return nil, places.not_found("space", options.space, where, list)
end

--- The spaces that are looked into: a list of { guid, name, organization }; nil, err.
function places:spaces()
  if not self.list then
    local list, err = look(self)
    if not list then return nil, err end
    self.list = list
  end
  return self.list
end

local function no_space()
  return errors { code = "cf.not_found", message = "this user sees no space there",
                  hint = NO_SPACE }
end

--- Filters for a list that is limited to these spaces; {} when none was named. Or nil, err.
function places:filter()
  local options = self.options
  if not (options.space or options.org or options.space_guid) then return {} end
  local list, err = self:spaces()
  if not list then return nil, err end
  if not list[1] then return nil, no_space() end
  local guids = {}
  for i, space in ipairs(list) do guids[i] = space.guid end
  return { space_guids = guids }
end

--- "organization / space" for people.
function places.text(space)
  return space.organization and ("%s / %s"):format(space.organization, space.name or space.guid)
    or space.name or space.guid
end

--- The one space in which something is made; nil, err when there is none, or several.
function places:one()
  local list, err = self:spaces()
  if not list then return nil, err end
  if #list == 1 then return list[1] end
  if #list == 0 then return nil, no_space() end
  local names = {}
  for i, space in ipairs(list) do names[i] = places.text(space) end
  table.sort(names)
  return nil, errors { code = "cf.ambiguous", hint = "say which one with --org and --space",
    message = ("there are several spaces: %s"):format(table.concat(names, ", ")) }
end

return places
