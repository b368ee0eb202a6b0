--- /v3/organizations: the one that the space belongs to.
local filters = require "iflow.sandbox.cf.filters"
local platform = require "iflow.sandbox.cf.platform"
local present = require "iflow.sandbox.cf.present"

local organizations = {}

function organizations.list(cf)
  local data = cf.tenant.platform:data()
  local own = { name = platform.ORGANIZATION, guid = data.organization, created = data.created }
  return cf:page("/v3/organizations", { own }, {
    named = true, present = function() return present.organization(cf.tenant, cf.url) end,
    filters = { names = filters.names, guids = filters.guids },
  })
end

function organizations.show(cf, guid)
  if not cf.user.reads or guid ~= cf.tenant.platform:data().organization then
    return cf:not_found "Organization"
  end
  return cf:one(present.organization(cf.tenant, cf.url))
end

return organizations
