-- instance.lua -- iflow instance list|show|create|update|delete|rotate|key: service instances and
-- their keys through the Cloud Foundry API, of a real platform or of a sandbox. Its commands are
-- files in instance/.
return {
  name = "instance",
  summary = "create, list and delete service instances and service keys",
  description = "What the BTP cockpit does under Instances and Subscriptions, through the Cloud "
    .. "Foundry API. Who is logged on with the cf CLI needs no further words.",
  commands = {
    require "iflow.cmd.instance.list", require "iflow.cmd.instance.show",
    require "iflow.cmd.instance.create", require "iflow.cmd.instance.update",
    require "iflow.cmd.instance.delete", require "iflow.cmd.instance.rotate",
    (require "iflow.cmd.instance.key"), -- one value of the two
  },
}
