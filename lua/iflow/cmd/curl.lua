-- curl.lua -- iflow curl TO: the curl commands that do what iflow does, for comparing, for a
-- support ticket, or for a machine without iflow. No secret is in them; those go into files.
local exported = require "iflow.cli.exported"
local new_script = require "iflow.export.curl"
local new_secrets = require "iflow.export.secrets"

local function run(args, out)
  local plan, err = exported.plan(args, out)
  if not plan then return nil, err end
  local secrets, script
  secrets, err = new_secrets(args.secrets, args.force)
  if not secrets then return nil, err end
  script, err = new_script(plan, secrets)
  if not script then return nil, err end
  out:result(function() out:print(script) end, { script = script, secrets = args.secrets })
  out:note(("the secrets are in %s; delete it when you are done"):format(args.secrets))
  return 0
end

return {
  name = "curl",
  summary = "print a call as curl commands",
  description = "Prints a shell script that gets the token and makes the call with curl, as iflow "
    .. "would; nothing is sent now. The call is described as for iflow call, or is the first "
    .. "message that a sender of a script makes of a file. No secret stands in the script: what it "
    .. "needs is written into files of a directory that only you can read.",
  arguments = { { "to", args = "?", help = "path under the service key's url, or a full URL" } },
  options = exported.options {
    { "--secrets", value = "DIR", default = "iflow-curl", help = "where the secrets are written" },
    { "--force", flag = true, env = false, help = "replace what is in the directory" },
  },
  error_code = "script.failed",
  run = run,
}
