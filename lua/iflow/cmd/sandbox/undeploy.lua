-- undeploy.lua -- iflow sandbox undeploy NAME: takes a flow out of a sandbox.
local client = require "iflow.sandbox.client"

return {
  name = "undeploy",
  summary = "take an integration flow away",
  arguments = { { "name", help = "of the flow" } },
  options = { require("iflow.cli.sandbox").dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local ok
    ok, err = sb:undeploy(args.name)
    if not ok then return nil, err end
    out:result(function() end, { undeployed = args.name })
    return 0
  end,
}
