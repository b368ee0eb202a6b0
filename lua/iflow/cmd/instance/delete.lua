-- delete.lua -- iflow instance delete NAME: a service instance, with --force one that has keys.
local errors = require "iflow.error"
local platform = require "iflow.cli.platform"

-- Whether the instance may go: one with keys takes somebody's access away.
local function check_keys(cf, args)
  if args.force then return true end
  local keys, err = cf:keys(args.name)
  if not keys then return nil, err end
  if not keys[1] then return true end
  return nil, errors { code = "usage.invalid",
    message = ("instance '%s' has keys, which would go with it"):format(args.name),
    hint = "delete them first (iflow instance key delete), or give --force" }
end

return {
  name = "delete",
  summary = "delete a service instance",
  description = "Tokens that were issued for its keys live on until they expire.",
  arguments = { { "name", help = "the service instance" } },
  options = platform.with {
    { "--force", flag = true, env = false, help = "with its keys" },
    platform.wait_option,
  },
  when_stopped = platform.when_stopped,
  run = platform.run(function(cf, args, out, job)
    local ok, err = check_keys(cf, args)
    if ok then ok, err = cf:delete_instance(args.name, job) end
    if not ok then return nil, err end
    out:result(function() out:print("deleted instance " .. args.name) end, { deleted = args.name })
    return 0
  end),
}
