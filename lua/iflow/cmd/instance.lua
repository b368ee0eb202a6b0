-- instance.lua -- iflow instance create|key|list|delete|delete-key: service instances and their
-- keys, as the service broker of a tenant makes them. --sandbox DIR names the sandbox that plays
-- the tenant.
local client = require "iflow.sandbox.client"
local core = require "iflow.core"
local errors = require "iflow.error"
local json = require "iflow.json"

local sandbox_option = { "--sandbox", value = "DIR", required = true,
                         help = "the directory of the sandbox" }

local create = {
  name = "create",
  summary = "create a service instance",
  arguments = { { "name", help = "its name, at most 32 characters" } },
  options = {
    sandbox_option,
    { "--plan", value = "PLAN", choices = { "integration-flow", "api" },
      default = "integration-flow", help = "calls of flows, or the tenant's OData API" },
    { "--role", value = "ROLE", multiple = true, key = "roles", env = "IFLOW_ROLE",
      help = "a role the senders get; ESBMessaging.send when none is given" },
    { "--token-validity", value = "SECONDS", type = "integer",
      help = "lifetime of its tokens, 3600 to 86400" },
  },
  run = function(args, out)
    local sb, err = client.open(args.sandbox)
    if not sb then return nil, err end
    local instance
    instance, err = sb:create_instance { name = args.name, plan = args.plan,
                                         roles = #args.roles > 0 and args.roles or nil,
                                         token_validity = args.token_validity }
    if not instance then return nil, err end
    out:result(function()
      out:print(("%s  %s  %s"):format(instance.name, instance.plan,
                                      table.concat(instance.roles, " ")))
    end, instance)
    return 0
  end,
}

local function usage(message) return nil, errors { code = "usage.invalid", message = message } end

-- What the broker would ignore is a mistake.
local function check_type(args)
  if args.x509 and args.type ~= "external" then
    return usage "--x509 is for keys of --type external"
  elseif args.type == "external" and not args.x509 then
    return usage "a key of --type external needs the certificate, --x509 FILE"
  elseif args.type ~= "certificate" and (args.validity or args.key_length) then
    return usage(("%s is for the certificate that the broker makes: --type certificate is missing")
      :format(args.validity and "--validity" or "--key-length"))
  elseif args.no_pin and args.type ~= "external" then
    return usage "--no-pin is for keys of --type external"
  end
  return true
end

local function check_absent(args)
  if args.force or not core.file.stat(args.output) then return true end
  return nil, errors { code = "file.exists",
    message = ("'%s' exists already"):format(args.output),
    hint = "give another --output, or --force to replace it" }
end

-- The certificate as the broker takes it: one PEM. DER is turned into it.
local function read_certificate(path)
  if not path then return nil end
  local found, err = core.cert.read(path)
  if not found then return nil, err end
  local pem = {}
  for i, certificate in ipairs(found.certificates) do pem[i] = certificate.pem end
  return table.concat(pem)
end

local key = {
  name = "key",
  summary = "create a service key and write it to a file",
  description = "Writes the JSON that the BTP cockpit offers as a download. The file holds "
    .. "secrets: it is made for its owner alone (mode 0600).",
  arguments = { { "name", help = "the service instance" },
                { "keyname", help = "the key's name, at most 32 characters" } },
  options = {
    sandbox_option,
    { "--type", value = "TYPE", choices = { "secret", "certificate", "external" },
      default = "secret", help = "how the sender proves itself at the token server" },
    { "--validity", value = "DAYS", type = "integer",
      help = "of a certificate made by the broker, 1 to 365" },
    { "--key-length", value = "BITS", type = "integer", help = "of its RSA key: 2048, 3072, 4096" },
    { "--x509", value = "FILE", help = "the external certificate: one, without its chain" },
    { "--no-pin", flag = true, env = false, help = "take any later certificate of the same subject "
      .. "and issuer, too (Pin Certificate off)" },
    { "-o --output", value = "FILE", required = true, help = "where the key is written" },
    { "--force", flag = true, help = "replace a file that exists" },
  },
  run = function(args, out)
    local ok, err = check_type(args)
    if ok then ok, err = check_absent(args) end
    if not ok then return nil, err end
    local pem
    pem, err = read_certificate(args.x509)
    if err then return nil, err end
    local sb
    sb, err = client.open(args.sandbox)
    if not sb then return nil, err end
    local document
    local pin = nil -- unsaid: the broker's own default is on
    if args.no_pin then pin = false end
    document, err = sb:create_key { instance = args.name, name = args.keyname, type = args.type,
                                    validity = args.validity, key_length = args.key_length,
                                    x509 = pem, pin = pin }
    if not document then return nil, err end
    ok, err = core.file.write(args.output,
                              assert(json.encode(document, { pretty = true, sort = true })) .. "\n",
                              "0600")
    if not ok then
      sb:delete_key(args.name, args.keyname) -- nobody has it
      return nil, err
    end
    out:result(function() out:print(args.output) end,
               { file = args.output, client_id = document.oauth.clientid, type = args.type })
    return 0
  end,
}

-- One row a key, so that an instance without keys has one, too.
local function rows_of(instances)
  local rows = {}
  for _, instance in ipairs(instances) do
    local first = { instance.name, instance.plan, table.concat(instance.roles, " ") }
    for i, one in ipairs(instance.keys) do
      local row = i == 1 and first or { "", "", "" }
      local kind = one.pin == false and one.type .. ", not pinned" or one.type
      rows[#rows + 1] = { row[1], row[2], row[3], one.name, kind or one.state, one.client_id }
    end
    if #instance.keys == 0 then rows[#rows + 1] = first end
  end
  return rows
end

local list = {
  name = "list",
  summary = "show service instances and their keys",
  options = { sandbox_option },
  run = function(args, out)
    local sb, err = client.open(args.sandbox)
    if not sb then return nil, err end
    local instances
    instances, err = sb:instances()
    if not instances then return nil, err end
    if out.json_mode then
      out:json(json.array(instances))
    else
      out:table({ "instance", "plan", "roles", "key", "type", "client id" }, rows_of(instances))
    end
    return 0
  end,
}

-- Whether the instance may go: one with keys takes somebody's access away.
local function check_keys(sb, args)
  local instances, err = sb:instances()
  if not instances then return nil, err end
  for _, instance in ipairs(instances) do
    if instance.name == args.name and #instance.keys > 0 and not args.force then
      return nil, errors { code = "usage.invalid",
        message = ("instance '%s' has keys, which would go with it"):format(args.name),
        hint = "delete them first (iflow instance delete-key), or give --force" }
    end
  end
  return true
end

local delete = {
  name = "delete",
  summary = "delete a service instance",
  description = "Tokens that were issued for its keys live on until they expire.",
  arguments = { { "name", help = "the service instance" } },
  options = {
    sandbox_option,
    { "--force", flag = true, env = false, help = "with its keys" },
  },
  run = function(args, out)
    local sb, err = client.open(args.sandbox)
    if not sb then return nil, err end
    local ok
    ok, err = check_keys(sb, args)
    if ok then ok, err = sb:delete_instance(args.name) end
    if not ok then return nil, err end
    out:result(function() end, { deleted = args.name })
    return 0
  end,
}

local delete_key = {
  name = "delete-key",
  summary = "delete a service key",
  description = "Its credentials end at once; tokens that were issued for it live on until they "
    .. "expire.",
  arguments = { { "name", help = "the service instance" }, { "keyname", help = "the key" } },
  options = { sandbox_option },
  run = function(args, out)
    local sb, err = client.open(args.sandbox)
    if not sb then return nil, err end
    local ok
    ok, err = sb:delete_key(args.name, args.keyname)
    if not ok then return nil, err end
    out:result(function() end, { deleted = args.keyname })
    return 0
  end,
}

return {
  name = "instance",
  summary = "create, list and delete service instances and service keys",
  description = "What the BTP cockpit does under Instances and Subscriptions.",
  commands = { create, key, list, delete, delete_key },
}
