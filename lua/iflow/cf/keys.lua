--- Service keys of the Cloud Foundry API (service_credential_bindings of type key), for
--- lua/iflow/cf.lua; `cf` is its object.
local core = require "iflow.core"
local errors = require "iflow.error"
local instances = require "iflow.cf.instances"
local jobs = require "iflow.cf.jobs"
local parameters = require "iflow.cf.parameters"
local places = require "iflow.cf.places"

local keys = {}

local PATH = "/v3/service_credential_bindings"
local WRITTEN = "the key was made, but not read: get it with iflow instance key get"

local UNFINISHED = "look with iflow instance key list %s; when it is there, write it with iflow "
  .. "instance key get %s %s -o FILE"

local function path_of(key) return PATH .. "/" .. key.guid end

-- All keys of an instance, as the platform has them.
local function resources_of(cf, instance, names)
  return cf.connection:list(PATH, ("list the keys of '%s'"):format(instance.name),
                            { service_instance_guids = instance.guid, type = "key", names = names })
end

local function present(resource, about)
  about.name, about.guid, about.created_at = resource.name, resource.guid, resource.created_at
  about.last_operation = instances.operation(resource)
  return about
end

local function by_name(list)
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local AT_ONCE = 50 -- guids in one address

--- Gives each instance of a list its `keys`, in as few requests as possible. true; or nil, err.
function keys.add_to(cf, list)
  local of = {}
  for first = 1, #list, AT_ONCE do
    local guids = {}
    for i = first, math.min(first + AT_ONCE - 1, #list) do
      guids[#guids + 1], of[list[i].guid] = list[i].guid, {}
      list[i].keys = of[list[i].guid]
    end
    local found, err = cf.connection:list(PATH, "list the keys", { service_instance_guids = guids,
                                                                   type = "key" })
    if not found then return nil, err end
    for _, resource in ipairs(found) do
      local mine = of[places.related(resource, "service_instance")]
      if mine then mine[#mine + 1] = present(resource, {}) end
    end
  end
  for _, one in ipairs(list) do core.json.array(by_name(one.keys)) end
  return true
end

-- The document of a key; or nil, err.
local function details(cf, key)
  local found, err = cf.connection:get(path_of(key) .. "/details",
                                       ("read the key '%s'"):format(key.name))
  if not found then
    if err.code == "cf.not_found" then
      err.hint = "its contents are for users with the role Space Developer in the space; iflow "
        .. "instance key list shows whether it is being made, or failed to be"
    end
    return nil, err
  elseif type(found.credentials) ~= "table" then
    return nil, errors { code = "cf.bad_answer",
                         message = ("the key '%s' has no credentials"):format(key.name) }
  end
  return found.credentials
end

-- The end of a key's certificate, in the form of the document; nil without one.
local function end_of(key)
  local pem = key:certificate_pem()
  local info = pem and core.cert.parse(pem)
  local leaf = info and info.certificates[info.leaf or 1]
  return leaf and os.date("!%Y-%m-%dT%H:%M:%SZ", leaf.not_after) or nil
end

-- What a document says that is no secret: nothing when it is none of a service key.
function keys.describe(document)
  local text = core.json.encode(document)
  local key = text and core.service_key.parse(text, "the key")
  if not key then return {} end
  local kinds = { ["client secret"] = "secret", ["external certificate"] = "external" }
  return { type = kinds[key.type] or key.type, client_id = key.client_id,
           valid_until = key.valid_until or end_of(key) }
end

function keys.list(cf, instance_name, with_details)
  local instance, err = instances.find(cf, instance_name)
  if not instance then return nil, err end
  local resources
  resources, err = resources_of(cf, instance)
  if not resources then return nil, err end
  local list = {}
  for i, resource in ipairs(resources) do
    local document = with_details and details(cf, resource)
    list[i] = present(resource, document and keys.describe(document) or {})
  end
  return by_name(list)
end

-- The key of that name in the instance; or nil, err.
local function find(cf, instance, name)
  local list, err = resources_of(cf, instance, places.name_filter(name))
  if not list then return nil, err end
  local key = places.named(list, name)[1]
  if key then return key end
  list, err = resources_of(cf, instance)
  if not list then return nil, err end
  return nil, places.not_found("key", name, (" in instance '%s'"):format(instance.name), list)
end

local function find_both(cf, instance_name, name)
  local instance, err = instances.find(cf, instance_name)
  if not instance then return nil, err end
  return find(cf, instance, name)
end

local function delete(cf, key, what, job)
  local answer, err = cf.connection:request("DELETE", path_of(key), what)
  if not answer then return nil, err end
  local told
  told, err = jobs.finish(cf.connection, answer, what, path_of(key), job)
  if not told then return nil, err end
  return true
end

-- What a failed creation leaves behind would be in the way of the next one.
local function clear_away(cf, instance, name, what)
  local key = find(cf, instance, name)
  local last = key and instances.operation(key) or {}
  if last.type == "create" and last.state == "failed" then delete(cf, key, what, {}) end
end

-- Begins it and sees it through: the warnings of the platform; or nil, err.
local function make(cf, instance, options, given, job)
  local what = ("create the key '%s' of '%s'"):format(options.name, instance.name)
  local answer, err = cf.connection:request("POST", PATH, what, {
    type = "key", name = options.name, parameters = given,
    relationships = { service_instance = { data = { guid = instance.guid } } } })
  if not answer then return nil, err end
  local made = type(answer.body) == "table" and answer.body.guid
  local told
  told, err = jobs.finish(cf.connection, answer, what, made and PATH .. "/" .. made, job)
  if told then return told end
  if err.code == "cf.unfinished" then
    err.hint = UNFINISHED:format(instance.name, instance.name, options.name)
  else
    clear_away(cf, instance, options.name, what)
  end
  return nil, err
end

function keys.create(cf, options, job)
  local ok, err = parameters.key_name(options.name)
  if not ok then return nil, err end
  local given, warnings = parameters.key(options)
  if given == false then return nil, warnings end
  local instance
  instance, err = instances.find(cf, options.instance)
  if not instance then return nil, err end
  local told
  told, err = make(cf, instance, options, given, job)
  if not told then return nil, err end
  local key, document
  key, err = find(cf, instance, options.name)
  if key then document, err = details(cf, key) end
  if not document then
    err.hint = WRITTEN
    return nil, err
  end
  return document, table.move(told, 1, #told, #warnings + 1, warnings)
end

function keys.document(cf, instance_name, name)
  local key, err = find_both(cf, instance_name, name)
  if not key then return nil, err end
  return details(cf, key)
end

function keys.delete(cf, instance_name, name, job)
  local key, err = find_both(cf, instance_name, name)
  if not key then return nil, err end
  return delete(cf, key, ("delete the key '%s' of '%s'"):format(name, instance_name), job)
end

return keys
