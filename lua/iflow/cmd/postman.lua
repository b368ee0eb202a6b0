-- postman.lua -- iflow postman TO: a call as a Postman collection, for those who look at it there.
local core = require "iflow.core"
local errors = require "iflow.error"
local exported = require "iflow.cli.exported"
local postman = require "iflow.export.postman"

local json = core.json

local function usage(message)
  return nil, errors { code = "usage.invalid", message = message }
end

-- Whether both can be written, before one of them is.
local function check_files(args, environment)
  if args.environment and not environment then
    return usage "--environment has no use: the call needs no client secret"
  elseif args.environment and args.environment == args.output then
    return usage "--output and --environment name the same file; only one of them has the secret"
  end
  for _, path in ipairs { args.output or args.environment, args.environment } do
    if not args.force and core.file.stat(path) then
      return nil, errors { code = "file.exists", message = ("'%s' exists already"):format(path),
        hint = "give another name, or --force to replace it" }
    end
  end
  return true
end

local function write(path, value, mode)
  if not path then return true end
  return core.file.write(path, assert(json.encode(value, { pretty = true, sort = true })) .. "\n",
    mode)
end

local function write_all(args, collection, environment)
  local ok, err = check_files(args, environment)
  if not ok then return nil, err end
  ok, err = write(args.output, collection, "0644")
  if not ok then return nil, err end
  return write(args.environment, environment, "0600")
end

local function run(args, out)
  local plan, err = exported.plan(args, out)
  if not plan then return nil, err end
  local name = args.name or ("iflow: %s %s"):format(plan.call.method, plan.call.url)
  local collection, ok
  collection, err = postman.collection(plan, name)
  if not collection then return nil, err end
  local environment = postman.environment(plan, name)
  ok, err = write_all(args, collection, environment)
  if not ok then return nil, err end
  if not args.output then
    out:print(json.encode(collection, { pretty = true, sort = true }))
  elseif out.json_mode then
    out:json { collection = args.output, environment = args.environment }
  end
  if environment and not args.environment then
    out:note("the collection has no secret: set its variable clientSecret in an environment, or "
      .. "write one with --environment FILE")
  end
  return 0
end

return {
  name = "postman",
  summary = "write a call as a Postman collection",
  description = "Writes a Postman collection (v2.1) that gets the token and makes the call, as "
    .. "iflow would; nothing is sent now. The call is described as for iflow call, or is the first "
    .. "message that a sender of a script makes of a file. No secret is in the collection; its "
    .. "description says where Postman wants the client certificate.",
  arguments = { { "to", args = "?", help = "path under the service key's url, or a full URL" } },
  options = exported.options {
    { "-o --output", value = "FILE",
      help = "where the collection goes (default: standard output)" },
    { "--environment", value = "FILE", help = "write an environment with the client secret, for "
      .. "your eyes only (mode 0600)" },
    { "--name", value = "TEXT", env = false, help = "the collection's name" },
    { "--force", flag = true, env = false, help = "replace files that exist" },
  },
  error_code = "script.failed",
  run = run,
}
