--- The deployed flows as records of the OData API: endpoints and their entry points. An endpoint is
--- shown once its flow is STARTED, and the setting endpoint_delay has passed.
local endpoints = {}

local function is_shown(tenant, flow)
  local settings = tenant.settings
  return flow.status == "STARTED"
    and (not flow.deployed_at
         or tenant.now() - flow.deployed_at >= settings.deploy_time + settings.endpoint_delay)
end

local function record_of(tenant, flow)
  return {
    Id = ("%s$endpointAddress=%s"):format(flow.name, (flow.address:gsub("^/", ""))),
    Name = flow.name, Title = flow.name, Version = "1.0.0", Protocol = flow.protocol,
    Summary = "", Description = "", LastUpdated = flow.deployed_at,
    url = tenant.addresses:url("runtime") .. flow.path
      .. (flow.address:find "/%*$" and "/*" or ""),
  }
end

function endpoints.list(tenant)
  local list = {}
  for _, flow in ipairs(tenant.flows:list(tenant.now(), tenant.settings.deploy_time)) do
    if is_shown(tenant, flow) then list[#list + 1] = record_of(tenant, flow) end
  end
  return list
end

--- Where an endpoint is called.
function endpoints.entry_points_of(_, endpoint)
  return { { Name = endpoint.Name, Url = endpoint.url, Type = "PROD", AdditionalInformation = "" } }
end

return endpoints
