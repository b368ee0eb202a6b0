-- rotate.lua -- iflow sandbox rotate: another key signs the tokens of a sandbox.
local client = require "iflow.sandbox.client"

return {
  name = "rotate",
  summary = "change the key that signs tokens",
  description = "As an automatic rotation does it: tokens that were issued stay good for two hours "
    .. "(setting rotation_grace). With --force they are refused at once.",
  options = {
    require("iflow.cli.sandbox").dir_option,
    { "--force", flag = true, env = false, help = "end all tokens that were issued" },
  },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local rotated
    rotated, err = sb:rotate(args.force == true)
    if not rotated then return nil, err end
    out:result(function() out:print(rotated.kid) end, rotated)
    return 0
  end,
}
