-- cf_user.lua -- iflow sandbox cf-user add|remove|list|passcode: who may use the Cloud Foundry API
-- of a sandbox. The first one, developer, is made with it; DIR/cf.json has its password.
local client = require "iflow.sandbox.client"
local core = require "iflow.core"

local dir_option = require("iflow.cli.sandbox").dir_option
local PASSWORD_MAX = 4096

-- The first line of the file.
local function read_password(path)
  local text, err = core.file.read(path, PASSWORD_MAX)
  if not text then return nil, err end
  return (text:match "^[^\r\n]*")
end

local add = {
  name = "add",
  summary = "create a user, or replace one",
  arguments = { { "name", help = "the user's name" } },
  options = {
    dir_option,
    { "--password-file", value = "FILE", required = true, env = false,
      help = "file whose first line is the password" },
    { "--role", value = "ROLE", choices = { "developer", "auditor", "none" }, env = false,
      default = "developer", help = "what the user may do in the space" },
  },
  run = function(args, out)
    local password, err = read_password(args.password_file)
    if not password then return nil, err end
    local sb
    sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local user
    user, err = sb:cf_user("add", args.name, { password = password, role = args.role })
    if not user then return nil, err end
    out:result(function() out:print(("%s  %s"):format(user.name, user.role)) end, user)
    return 0
  end,
}

local remove = {
  name = "remove",
  summary = "delete a user; its tokens end",
  arguments = { { "name", help = "the user" } },
  options = { dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local ok
    ok, err = sb:cf_user("remove", args.name)
    if not ok then return nil, err end
    out:result(function() end, { removed = args.name })
    return 0
  end,
}

local list = {
  name = "list",
  summary = "show all users",
  options = { dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local users
    users, err = sb:cf_user "list"
    if not users then return nil, err end
    if out.json_mode then
      out:json(users)
      return 0
    end
    local rows = {}
    for i, user in ipairs(users) do rows[i] = { user.name, user.role } end
    out:table({ "user", "role" }, rows)
    return 0
  end,
}

local passcode = {
  name = "passcode",
  summary = "print a one-time passcode of a user, as single sign-on gives it",
  arguments = { { "name", help = "the user" } },
  options = { dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local code
    code, err = sb:cf_user("passcode", args.name)
    if not code then return nil, err end
    out:result(function() out:print(code) end, { passcode = code })
    return 0
  end,
}

return {
  name = "cf-user",
  summary = "create, remove and list users of the Cloud Foundry API",
  commands = { add, remove, list, passcode },
}
