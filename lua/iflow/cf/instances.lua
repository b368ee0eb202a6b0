--- Service instances of the Cloud Foundry API, for lua/iflow/cf.lua; `cf` is its object.
local core = require "iflow.core"
local errors = require "iflow.error"
local jobs = require "iflow.cf.jobs"
local parameters = require "iflow.cf.parameters"
local places = require "iflow.cf.places"
local refusal = require "iflow.cf.refusal"

local instances = {}

local PATH = "/v3/service_instances"
local PLANS = { "integration-flow", "api" }
local DEFAULT_PLAN = "integration-flow"
-- What a list brings along: names of plan, offering, space and organization.
local FIELDS = {
  ["fields[service_plan]"] = "guid,name,relationships.service_offering",
  ["fields[service_plan.service_offering]"] = "guid,name",
  ["fields[space]"] = "guid,name,relationships.organization",
  ["fields[space.organization]"] = "guid,name",
}

local null = core.json.null

--- last_operation for people and programs: { type, state, description, updated_at }; nil without.
function instances.operation(resource)
  local last = resource.last_operation
  if type(last) ~= "table" then return nil end
  local out = {}
  for _, name in ipairs { "type", "state", "description", "updated_at" } do
    if last[name] ~= null then out[name] = last[name] end
  end
  return out
end

local function included(more, kind, guid) return guid and more[kind] and more[kind][guid] or {} end

local function present(resource, more)
  local related = places.related
  local plan = included(more, "service_plans", related(resource, "service_plan"))
  local offering = included(more, "service_offerings", related(plan, "service_offering"))
  local space = included(more, "spaces", related(resource, "space"))
  local organization = included(more, "organizations", related(space, "organization"))
  return { name = resource.name, guid = resource.guid, plan = plan.name, service = offering.name,
           space = space.name, organization = organization.name, created_at = resource.created_at,
           updated_at = resource.updated_at, last_operation = instances.operation(resource) }
end

-- Those of the service; names: a filter, or nil.
local function look(cf, what, names)
  local fields, err = cf.places:filter()
  if not fields then return nil, err end
  fields.service_plan_names, fields.names = PLANS, names
  for name, value in pairs(FIELDS) do fields[name] = value end
  local resources, more = cf.connection:list(PATH, what, fields)
  if not resources then return nil, more end
  local list = {}
  for _, resource in ipairs(resources) do
    local one = present(resource, more)
    if one.service == nil or one.service == cf.service then list[#list + 1] = one end
  end
  return list
end

function instances.list(cf)
  local list, err = look(cf, "list the service instances")
  if not list then return nil, err end
  table.sort(list, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return a.guid < b.guid
  end)
  return list
end

local function ambiguous(name, list)
  local where = {}
  for i, one in ipairs(list) do where[i] = places.text { name = one.space or one.guid,
                                                         organization = one.organization } end
  table.sort(where)
  return nil, errors { code = "cf.ambiguous", hint = "say which one with --org and --space",
    message = ("there are several instances '%s': in %s"):format(name, table.concat(where, ", ")) }
end

--- The instance of that name; or nil, err.
function instances.find(cf, name)
  local what = ("find the instance '%s'"):format(name)
  local list, err = look(cf, what, places.name_filter(name))
  if not list then return nil, err end
  local exact = places.named(list, name)
  if #exact == 1 then return exact[1] end
  if #exact > 1 then return ambiguous(name, exact) end
  list, err = look(cf, what)
  if not list then return nil, err end
  return nil, places.not_found("service instance", name, "", list)
end

local function path_of(instance) return PATH .. "/" .. instance.guid end

local UNTOLD = { ["cf.refused"] = true, ["cf.unavailable"] = true, ["cf.not_found"] = true,
                 ["cf.forbidden"] = true }

-- Its parameters; false when the platform does not tell them; or nil, err.
local function parameters_of(cf, instance)
  local found, err = cf.connection:get(path_of(instance) .. "/parameters", "read the parameters")
  if found then return found end
  if UNTOLD[err.code] then return false end
  return nil, err
end

function instances.show(cf, name)
  local instance, err = instances.find(cf, name)
  if not instance then return nil, err end
  local found
  found, err = parameters_of(cf, instance)
  if found == nil then return nil, err end
  instance.parameters = found or nil
  return instance
end

-- The guid of a plan of the service that is offered in the space.
local function plan_guid(cf, plan, space)
  local what = ("find the plan '%s'"):format(plan)
  local list, err = cf.connection:list("/v3/service_plans", what, {
    names = plan, service_offering_names = cf.service, space_guids = space.guid })
  if not list then return nil, err end
  if list[1] then return list[1].guid end
  return nil, errors { code = "cf.not_found", hint = refusal.ENTITLEMENT,
    message = ("the plan '%s' of the service '%s' is not in the marketplace of %s"):format(
      plan, cf.service, places.text(space)) }
end

-- What a failed creation leaves behind would be in the way of the next one.
local function clear_away(cf, name, space, what)
  local list = cf.connection:list(PATH, what, { names = places.name_filter(name),
                                                space_guids = space.guid })
  for _, resource in ipairs(places.named(list or {}, name)) do
    local last = instances.operation(resource) or {}
    if last.type == "create" and last.state == "failed" then
      local path = path_of(resource)
      local answer = cf.connection:request("DELETE", path, what)
      if answer then jobs.finish(cf.connection, answer, what, path, {}) end
    end
  end
end

local function append(list, more)
  return table.move(more, 1, #more, #list + 1, list)
end

function instances.create(cf, options, job)
  local name, plan = options.name, options.plan or DEFAULT_PLAN
  local what = ("create the instance '%s'"):format(name)
  local fine, wrong = parameters.is_instance_name(name)
  if not fine then return nil, wrong end
  local given, warnings = parameters.instance(options)
  if given == false then return nil, warnings end
  warnings[#warnings + 1] = parameters.instance_name(name)
  local space, err = cf.places:one()
  if not space then return nil, err end
  local guid
  guid, err = plan_guid(cf, plan, space)
  if not guid then return nil, err end
  local answer
  answer, err = cf.connection:request("POST", PATH, what, {
    type = "managed", name = name, parameters = given,
    relationships = { space = { data = { guid = space.guid } },
                      service_plan = { data = { guid = guid } } } })
  if not answer then return nil, err end
  local made = type(answer.body) == "table" and answer.body.guid
  local told
  told, err = jobs.finish(cf.connection, answer, what, made and PATH .. "/" .. made, job)
  if not told then
    if err.code ~= "cf.unfinished" then clear_away(cf, name, space, what) end
    return nil, err
  end
  local instance
  instance, err = instances.show(cf, name)
  if not instance then return nil, err end
  return instance, append(warnings, told)
end

local KEPT_UNKNOWN = "the platform does not tell the parameters of the instance, and SAP does not "
  .. "document whether those that are not given are kept: give all of them"

-- The parameters to send, with those it has; or false, err.
local function updated(cf, instance, options)
  local current, err = parameters_of(cf, instance)
  if current == nil then return false, err end
  local given, warnings = parameters.instance(options, current or nil)
  if given and not current then warnings[#warnings + 1] = KEPT_UNKNOWN end
  return given, warnings
end

function instances.update(cf, options, job)
  local what = ("update the instance '%s'"):format(options.name)
  local fine, wrong = parameters.is_instance_name(options.new_name or options.name)
  if not fine then return nil, wrong end
  local instance, err = instances.find(cf, options.name)
  if not instance then return nil, err end
  local given, warnings = updated(cf, instance, options)
  if given == false then return nil, warnings end
  if not given and not options.new_name then
    return nil, errors { code = "usage.invalid", message = "there is nothing to change" }
  end
  if options.new_name then
    warnings[#warnings + 1] = parameters.instance_name(options.new_name)
  end
  local answer
  answer, err = cf.connection:request("PATCH", path_of(instance), what,
                                      { name = options.new_name, parameters = given })
  if not answer then return nil, err end
  local told
  told, err = jobs.finish(cf.connection, answer, what, path_of(instance), job)
  if not told then return nil, err end
  instance, err = instances.show(cf, options.new_name or options.name)
  if not instance then return nil, err end
  return instance, append(warnings, told)
end

function instances.delete(cf, name, job)
  local what = ("delete the instance '%s'"):format(name)
  local instance, err = instances.find(cf, name)
  if not instance then return nil, err end
  local answer
  answer, err = cf.connection:request("DELETE", path_of(instance), what)
  if not answer then return nil, err end
  local told
  told, err = jobs.finish(cf.connection, answer, what, path_of(instance), job)
  if not told then return nil, err end
  return true
end

return instances
