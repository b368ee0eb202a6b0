-- instance.lua -- iflow instance create|key: service instances and their keys, as the service
-- broker of a tenant makes them. --sandbox DIR names the sandbox that plays the tenant.
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
    document, err = sb:create_key { instance = args.name, name = args.keyname, type = args.type,
                                    validity = args.validity, key_length = args.key_length,
                                    x509 = pem }
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

return {
  name = "instance",
  summary = "create service instances and service keys",
  description = "What the BTP cockpit does under Instances and Subscriptions.",
  commands = { create, key },
}
