--- /v3/spaces: the one in which the instances are.
local filters = require "iflow.sandbox.cf.filters"
local offers = require "iflow.sandbox.cf.offers"
local platform = require "iflow.sandbox.cf.platform"
local present = require "iflow.sandbox.cf.present"

local spaces = {}

function spaces.list(cf)
  local data = cf.tenant.platform:data()
  local own = { name = platform.SPACE, guid = data.space, created = data.created }
  return cf:page("/v3/spaces", { own }, {
    named = true, offers = offers.of_spaces(cf),
    present = function() return present.space(cf.tenant, cf.url) end,
    filters = { names = filters.names, guids = filters.guids,
                organization_guids = filters.constant(function() return data.organization end) },
  })
end

function spaces.show(cf, guid)
  if not cf.user.reads or guid ~= cf.tenant.platform:data().space then
    return cf:not_found "Space"
  end
  return cf:one(present.space(cf.tenant, cf.url), offers.of_spaces(cf))
end

return spaces
