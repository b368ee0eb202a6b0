-- parameters.lua -- the options of iflow instance create and update that say what an instance is,
-- and how it is shown.
local platform = require "iflow.cli.platform"

local parameters = {}

--- The rows; help_of_role: what happens when no role is given.
function parameters.rows(help_of_role)
  return {
    { "--role", value = "ROLE", multiple = true, key = "roles", env = "IFLOW_ROLE",
      help = "a role the senders get; " .. help_of_role },
    { "--grant-type", value = "NAME", multiple = true, key = "grant_types", env = false,
      help = "such as client_credentials, authorization_code, refresh_token, password" },
    { "--redirect-uri", value = "URI", multiple = true, key = "redirect_uris", env = false,
      help = "for authorization_code" },
    { "--token-validity", value = "SECONDS", type = "integer",
      help = "lifetime of its tokens, 3600 to 86400" },
    { "--parameters", value = "FILE", env = false,
      help = "JSON object whose parameters are sent as they are, such as the download of a user "
        .. "role" },
    platform.wait_option,
  }
end

local function given(list) return #list > 0 and list or nil end

--- The options of iflow.cf for the parsed words; or nil, err.
function parameters.of(args)
  local raw, err = platform.parameters(args.parameters)
  if err then return nil, err end
  return { name = args.name, roles = given(args.roles), grant_types = given(args.grant_types),
           redirect_uris = given(args.redirect_uris), token_validity = args.token_validity,
           parameters = raw }
end

--- An instance on one line: name, plan, roles as far as they are known.
function parameters.print(out, instance)
  local roles = instance.parameters and instance.parameters.roles
  out:print(("%s  %s  %s"):format(instance.name, instance.plan or "-",
    type(roles) == "table" and table.concat(roles, " ") or ""):match "^(.-)%s*$")
end

return parameters
