-- create.lua -- iflow instance create NAME: a service instance of one of the two plans.
local parameters = require "iflow.cmd.instance.parameters"
local platform = require "iflow.cli.platform"

local rows = { { "--plan", value = "PLAN", default = "integration-flow",
                 help = "integration-flow for calls of flows, api for the tenant's OData API" } }
local more = parameters.rows "without one the broker's default counts, ESBMessaging.send"
table.move(more, 1, #more, 2, rows)

return {
  name = "create",
  summary = "create a service instance",
  arguments = { { "name", help = "its name, best at most 32 of A-Z a-z 0-9 . _ -" } },
  options = platform.with(rows),
  when_stopped = platform.when_stopped,
  run = platform.run(function(cf, args, out, options)
    options.plan = args.plan
    local instance, warnings = cf:create_instance(options)
    if not instance then return nil, warnings end
    platform.warn(out, warnings)
    out:result(function() parameters.print(out, instance) end, instance)
    return 0
  end, parameters.of),
}
