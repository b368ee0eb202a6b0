--- /v3/service_plans: integration-flow and api.
local filters = require "iflow.sandbox.cf.filters"
local find = require "iflow.sandbox.cf.find"
local offers = require "iflow.sandbox.cf.offers"
local plans = require "iflow.sandbox.broker.plans"
local present = require "iflow.sandbox.cf.present"

local service_plans = {}

-- Plans of which one of the instances is.
local function of_instances(tenant)
  return function(item, guids)
    for guid in pairs(guids) do
      local instance = find.instance(tenant, guid)
      if instance and instance.plan == item.name then return true end
    end
    return false
  end
end

function service_plans.list(cf)
  local data, list = cf.tenant.platform:data(), {}
  for i, plan in ipairs(plans.LIST) do
    list[i] = { name = plan.name, guid = plan.guid, created = data.created, plan = plan }
  end
  return cf:page("/v3/service_plans", list, {
    named = true, offers = offers.of_plans(cf),
    present = function(item) return present.plan(cf.tenant, item.plan, cf.url) end,
    filters = {
      names = filters.names, guids = filters.guids, available = filters.available,
      broker_catalog_ids = function(item, words) return words[item.plan.id] == true end,
      service_offering_names = filters.offering_names,
      service_offering_guids = filters.offering_guids,
      service_broker_names = filters.broker_names, service_broker_guids = filters.broker_guids,
      service_instance_guids = of_instances(cf.tenant),
      space_guids = filters.constant(function() return data.space end),
      organization_guids = filters.constant(function() return data.organization end),
    },
  })
end

function service_plans.show(cf, guid)
  local plan = plans.by_guid(guid)
  if not plan then return cf:not_found "Service plan" end
  return cf:one(present.plan(cf.tenant, plan, cf.url), offers.of_plans(cf))
end

return service_plans
