--- The catalogue of the service "Process Integration Runtime" (offering it-rt): its two plans with
--- what they allow. The identifiers are the platform's, the same in every sandbox.
local plans = {}

plans.OFFERING = {
  guid = "6d0ab3a9-5f3e-4c0c-9a61-7b7f0f3c9b10", name = "it-rt",
  id = "b1f5ad56-8b4d-4a0e-8a7e-0d1f6a6f0b02",
  description = "Process Integration Runtime: access to integration flows and to the OData API",
  broker = { guid = "d3a0d1c5-0c35-4e5b-8f6e-6b1c2f4a7d33", name = "it-broker" },
}

-- Role templates of plan api (sap-reference 7.2).
local TEMPLATES = {
  "AccessPoliciesEdit", "AccessPoliciesRead", "AuthGroup_TenantPartnerDirectoryConfigurator",
  "CredentialsEdit", "DataStorePayloadsRead", "DataStoresAndQueuesDelete",
  "DataStoresAndQueuesRead", "HealthCheckMonitoringDataRead", "MessagePayloadsRead",
  "MessageProcessingLocksRead", "MonitoringArtifactsDeploy", "MonitoringDataRead", "QueuesRetry",
  "SecurityMaterialDownload", "SecurityMaterialEdit", "TraceConfigurationEdit",
  "TraceConfigurationRead", "UserRolesEdit", "WorkspaceArtifactsDeploy",
  "WorkspacePackagesConfigure", "WorkspacePackagesEdit", "WorkspacePackagesRead",
}

local is_template = {}
for _, name in ipairs(TEMPLATES) do is_template[name] = true end

--- By the order of the catalogue: name, guid, the roles and the token validity of an instance that
--- names none, host of its keys' url, and xsappname of its clients. templates: roles are role
--- templates; else they are the tenant's user roles.
plans.LIST = {
  { name = "integration-flow", guid = "9f4a1c52-2a6b-4c7e-8d0e-3f5a1f7c2d11",
    id = "0c4c4f0e-59a5-4c38-9d0c-6a3f4f1e7a21", description = "Calls of integration flows",
    roles = { "ESBMessaging.send" }, validity = 3600, host = "runtime",
    xsappname = "it-rt-acme-dev!b815", pinning = true },
  { name = "api", guid = "3c7be2a4-71de-4b0f-9b52-5a9d6e0f4c12",
    id = "5e2d9b77-3f0a-4b8d-8c11-2b7c9a0d6e22", description = "The OData API of the tenant",
    roles = {}, validity = 43200, host = "api", xsappname = "it!b815", templates = true },
}

--- The plan of that name, or of that guid; nil when there is none.
function plans.named(name)
  for _, plan in ipairs(plans.LIST) do
    if plan.name == name then return plan end
  end
end

function plans.by_guid(guid)
  for _, plan in ipairs(plans.LIST) do
    if plan.guid == guid then return plan end
  end
end

--- Whether an instance of the plan can have the role. roles: those of the tenant.
function plans.has_role(plan, name, roles)
  if plan.templates then return is_template[name] == true end
  return roles:exists(name)
end

return plans
