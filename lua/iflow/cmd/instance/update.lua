-- update.lua -- iflow instance update NAME: other roles, grant types, validity, or another name.
local parameters = require "iflow.cmd.instance.parameters"
local platform = require "iflow.cli.platform"

local rows = { { "--name", value = "NAME", key = "new_name", env = false, help = "its new name" } }
local more = parameters.rows "those given replace all it has"
table.move(more, 1, #more, 2, rows)

return {
  name = "update",
  summary = "change a service instance",
  description = "What is not given stays as it is, as far as the platform tells it. Changed roles "
    .. "take up to one hour to become effective.",
  arguments = { { "name", help = "the service instance" } },
  options = platform.with(rows),
  when_stopped = platform.when_stopped,
  run = platform.run(function(cf, args, out, options)
    options.new_name = args.new_name
    local instance, warnings = cf:update_instance(options)
    if not instance then return nil, warnings end
    platform.warn(out, warnings)
    out:result(function() parameters.print(out, instance) end, instance)
    return 0
  end, parameters.of),
}
