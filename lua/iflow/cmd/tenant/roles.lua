-- roles.lua -- iflow tenant roles: the user roles that sender channels can ask for.
local shared = require "iflow.cli.tenant_api"

return {
  name = "roles",
  summary = "show the user roles that sender channels can ask for",
  description = "A service instance of plan integration-flow needs the role of the channel that it "
    .. "calls.",
  options = shared.with {},
  run = function(args, out)
    local api <close>, err = shared.open(args, out)
    if not api then return nil, err end
    local list
    list, err = api:roles()
    if not list then return nil, err end
    if out.json_mode then
      out:json { roles = shared.values(list) }
      return 0
    end
    local rows = {}
    for i, role in ipairs(list) do
      rows[i] = { shared.text(role.name), shared.text(role.owner),
        shared.text(role.description, 60) }
    end
    out:table({ "role", "owner", "description" }, rows)
    return 0
  end,
}
