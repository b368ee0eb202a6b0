-- role.lua -- iflow sandbox role add|remove|list: the user roles of a sandbox, as Monitor > Manage
-- Security > User Roles has them.
local client = require "iflow.sandbox.client"

local dir_option = require("iflow.cli.sandbox").dir_option

local add = {
  name = "add",
  summary = "create a role, or describe it anew",
  arguments = { { "name", help = "letters, digits, '_' and '.'" } },
  options = { dir_option,
    { "--description", value = "TEXT", env = false, help = "what it is for" } },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local role
    role, err = sb:role("add", args.name, args.description or "")
    if not role then return nil, err end
    out:result(function() out:print(role.name) end, role)
    return 0
  end,
}

local remove = {
  name = "remove",
  summary = "delete a role of one's own",
  arguments = { { "name", help = "the role" } },
  options = { dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local ok
    ok, err = sb:role("remove", args.name)
    if not ok then return nil, err end
    out:result(function() end, { removed = args.name })
    return 0
  end,
}

local list = {
  name = "list",
  summary = "show all roles",
  options = { dir_option },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local roles
    roles, err = sb:role "list"
    if not roles then return nil, err end
    if out.json_mode then
      out:json(roles)
      return 0
    end
    local rows = {}
    for i, role in ipairs(roles) do
      rows[i] = { role.name, role.predefined and "SAP" or "own", role.description }
    end
    out:table({ "role", "owner", "description" }, rows)
    return 0
  end,
}

return {
  name = "role",
  summary = "create, remove and list user roles",
  commands = { add, remove, list },
}
