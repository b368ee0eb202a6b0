-- key_list.lua -- iflow instance key list NAME: the service keys of an instance, and until when
-- they are valid.
local core = require "iflow.core"
local platform = require "iflow.cli.platform"

local function row(key)
  local last = key.last_operation or {}
  return { key.name, key.type, key.client_id, key.valid_until, key.created_at,
           ("%s %s"):format(last.type or "?", last.state or "?") }
end

return {
  name = "list",
  summary = "show the service keys of an instance",
  description = "Reads each key for its type and its last day, and shows nothing secret. A user "
    .. "who may not read keys sees their names.",
  arguments = { { "name", help = "the service instance" } },
  options = platform.with {},
  run = platform.run(function(cf, args, out)
    local list, err = cf:keys(args.name, { details = true })
    if not list then return nil, err end
    if out.json_mode then
      out:json(core.json.array(list))
      return 0
    end
    local rows = {}
    for i, key in ipairs(list) do rows[i] = row(key) end
    out:table({ "key", "type", "client id", "valid until", "created", "state" }, rows)
    return 0
  end),
}
