--- /v3/service_offerings: the one service of the sandbox, it-rt.
local filters = require "iflow.sandbox.cf.filters"
local plans = require "iflow.sandbox.broker.plans"
local present = require "iflow.sandbox.cf.present"

local offerings = {}

function offerings.list(cf)
  local data = cf.tenant.platform:data()
  local own = { name = plans.OFFERING.name, guid = plans.OFFERING.guid, created = data.created }
  return cf:page("/v3/service_offerings", { own }, {
    named = true, present = function() return present.offering(cf.tenant, cf.url) end,
    filters = { names = filters.names, guids = filters.guids, available = filters.available,
                service_broker_names = filters.broker_names,
                service_broker_guids = filters.broker_guids,
                space_guids = filters.constant(function() return data.space end),
                organization_guids = filters.constant(function() return data.organization end) },
  })
end

function offerings.show(cf, guid)
  if guid ~= plans.OFFERING.guid then return cf:not_found "Service offering" end
  return cf:one(present.offering(cf.tenant, cf.url))
end

return offerings
