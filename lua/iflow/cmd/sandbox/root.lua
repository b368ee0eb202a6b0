-- root.lua -- iflow sandbox root [announce|exchange]: another root above the certificates which the
-- hosts of a sandbox show, in the two steps in which SAP exchanges the load balancer's.
local client = require "iflow.sandbox.client"

return {
  name = "root",
  summary = "exchange the root of the server certificates",
  description = "announce makes a new root and prints it, for iflow trust add; exchange lets all "
    .. "hosts show certificates of it, and open connections end. Without a step it tells which "
    .. "root is served, and which one was announced.",
  arguments = { { "step", args = "?", choices = { "announce", "exchange" },
                  help = "announce first, exchange when all senders trust it" } },
  options = { require("iflow.cli.sandbox").dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local roots
    roots, err = sb:server_root(args.step)
    if not roots then return nil, err end
    if out.json_mode then
      out:json(roots)
    elseif args.step == "announce" then
      io.stdout:write(roots.announced.pem)
    else
      local rows = {}
      for _, which in ipairs { "served", "announced" } do
        local root = roots[which]
        if root then
          rows[#rows + 1] = { which, root.subject, os.date("!%Y-%m-%d", root.not_after),
                              root.sha256 }
        end
      end
      out:table({ "root", "subject", "not after", "sha-256" }, rows)
    end
    return 0
  end,
}
