--- What lists of the Cloud Foundry API can include (cf/included.lua), by the resources they show.
local find = require "iflow.sandbox.cf.find"
local plans = require "iflow.sandbox.broker.plans"
local present = require "iflow.sandbox.cf.present"

local offers = {}

local function set(...)
  local out = {}
  for _, name in ipairs { ... } do out[name] = true end
  return out
end

-- The guids that the resources relate to under that name, each once, in their order.
local function related(resources, name)
  local guids, seen = {}, {}
  for _, resource in ipairs(resources) do
    local guid = resource.relationships[name].data.guid
    if not seen[guid] then guids[#guids + 1], seen[guid] = guid, true end
  end
  return guids
end

local function of_each(resources, name, make)
  return function()
    local list = {}
    for i, guid in ipairs(related(resources, name)) do list[i] = make(guid) end
    return list
  end
end

-- One thing that all resources have in common.
local function of_all(resources, make)
  return function() return #resources > 0 and { make() } or {} end
end

local function none() return {} end

--- For lists of plans: offerings as a whole. Their spaces are those of brokers in a space: none is.
function offers.of_plans(cf)
  return function(resources)
    local function offering() return present.offering(cf.tenant, cf.url) end
    return { include = {
      service_offering = { key = "service_offerings", resources = of_all(resources, offering) },
      ["space.organization"] = { key = "spaces", resources = none },
    } }
  end
end

--- For lists of keys: their instances. Apps have none of them.
function offers.of_keys(cf)
  return function(resources)
    local function instance(guid)
      return present.instance(cf.tenant, find.instance(cf.tenant, guid), cf.url)
    end
    return { include = {
      service_instance = { key = "service_instances",
                           resources = of_each(resources, "service_instance", instance) },
      app = { key = "apps", resources = none },
    } }
  end
end

--- For lists of spaces: their organization; "org" is its old name.
function offers.of_spaces(cf)
  return function(resources)
    local function organization() return present.organization(cf.tenant, cf.url) end
    local own = { key = "organizations", resources = of_all(resources, organization) }
    return { include = { organization = own, org = own } }
  end
end

--- For lists of instances: fields of their plans and of the space.
function offers.of_instances(cf)
  local tenant, url = cf.tenant, cf.url
  return function(resources)
    local function plan(guid) return present.plan(tenant, plans.by_guid(guid), url) end
    local function offering() return present.offering(tenant, url) end
    local function broker() return plans.OFFERING.broker end
    local function space() return present.space(tenant, url) end
    local function organization() return present.organization(tenant, url) end
    return { fields = {
      service_plan = { key = "service_plans", resources = of_each(resources, "service_plan", plan),
                       fields = set("guid", "name", "relationships.service_offering") },
      ["service_plan.service_offering"] = {
        key = "service_offerings", resources = of_all(resources, offering),
        fields = set("guid", "name", "description", "documentation_url", "tags",
                     "relationships.service_broker") },
      ["service_plan.service_offering.service_broker"] = {
        key = "service_brokers", resources = of_all(resources, broker),
        fields = set("guid", "name") },
      space = { key = "spaces", resources = of_all(resources, space),
                fields = set("guid", "name", "relationships.organization") },
      ["space.organization"] = { key = "organizations",
                                 resources = of_all(resources, organization),
                                 fields = set("guid", "name") },
    } }
  end
end

return offers
