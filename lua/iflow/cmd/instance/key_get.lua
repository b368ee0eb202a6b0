-- key_get.lua -- iflow instance key get NAME KEYNAME: the document of a key that exists, again.
local key_file = require "iflow.cli.key_file"
local keys = require "iflow.cf.keys"
local platform = require "iflow.cli.platform"

return {
  name = "get",
  summary = "write a service key that exists to a file",
  description = "As the download in the BTP cockpit. The file is made for its owner alone (mode "
    .. "0600).",
  arguments = { { "name", help = "the service instance" }, { "keyname", help = "the key" } },
  options = platform.with(table.move(key_file.options, 1, #key_file.options, 1, {})),
  run = platform.run(function(cf, args, out)
    local document, err = cf:key(args.name, args.keyname)
    if not document then return nil, err end
    local ok
    ok, err = key_file.write(args.output, document)
    if not ok then return nil, err end
    if args.output == "-" then return 0 end
    local about = keys.describe(document)
    out:result(function() out:print(args.output) end,
               { file = args.output, client_id = about.client_id, type = about.type })
    return 0
  end, function(args)
    local ok, err = key_file.check(args.output, args.force)
    if not ok then return nil, err end
    return {}
  end),
}
