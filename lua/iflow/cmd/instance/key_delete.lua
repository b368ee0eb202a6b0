-- key_delete.lua -- iflow instance key delete NAME KEYNAME: ends the credentials of a key.
local platform = require "iflow.cli.platform"

return {
  name = "delete",
  summary = "delete a service key",
  description = "Its credentials end at once; tokens that were issued for it live on until they "
    .. "expire.",
  arguments = { { "name", help = "the service instance" }, { "keyname", help = "the key" } },
  options = platform.with { platform.wait_option },
  when_stopped = platform.when_stopped,
  run = platform.run(function(cf, args, out, job)
    local ok, err = cf:delete_key(args.name, args.keyname, job)
    if not ok then return nil, err end
    out:result(function()
      out:print(("deleted key %s of instance %s"):format(args.keyname, args.name))
    end, { deleted = args.keyname })
    return 0
  end),
}
