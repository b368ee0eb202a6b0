-- key.lua -- iflow instance key create|list|get|delete: the service keys of an instance. Without
-- one of these words it creates.
return {
  name = "key",
  summary = "create, list, get and delete service keys",
  commands = {
    require "iflow.cmd.instance.key_create", require "iflow.cmd.instance.key_list",
    require "iflow.cmd.instance.key_get",
    (require "iflow.cmd.instance.key_delete"), -- one value of the two
  },
  default = "create",
}
