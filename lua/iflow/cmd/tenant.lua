-- tenant.lua -- iflow tenant endpoints|logs|log|artifacts|roles|keystore: what a tenant says of
-- itself through its OData API, with a service key of plan api. Its commands are files in tenant/.
return {
  name = "tenant",
  summary = "ask the tenant: endpoints, message logs, artifacts, roles, keystore",
  description = "Needs a service key of plan api; the role template MonitoringDataRead opens all "
    .. "of it. Times are those of this machine's zone, with --json UTC.",
  commands = { require "iflow.cmd.tenant.endpoints", require "iflow.cmd.tenant.logs",
               require "iflow.cmd.tenant.log", require "iflow.cmd.tenant.artifacts",
               require "iflow.cmd.tenant.roles",
               (require "iflow.cmd.tenant.keystore") }, -- one value of the two
}
