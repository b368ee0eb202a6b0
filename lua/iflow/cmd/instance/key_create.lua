-- key_create.lua -- iflow instance key create NAME KEYNAME: a service key of one of the three
-- types, written for its owner alone. One that cannot be written is deleted again: nobody has it.
local core = require "iflow.core"
local errors = require "iflow.error"
local key_file = require "iflow.cli.key_file"
local keys = require "iflow.cf.keys"
local parameters = require "iflow.cf.parameters"
local platform = require "iflow.cli.platform"

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

local function doubts(certificate, out)
  local now = os.time()
  if certificate.not_after < now then out:warn "the certificate has expired" end
  if certificate.not_before > now then out:warn "the certificate is not valid yet" end
  local can_log_on = false
  for _, use in ipairs(certificate.eku) do
    can_log_on = can_log_on or use == "clientAuth"
  end
  if not can_log_on then
    out:warn "the certificate is not for clients: its extended key usage lacks clientAuth"
  end
end

-- The certificate as the broker takes it: one PEM, without chain and key. DER is turned into it.
local function read_certificate(path, out)
  if not path then return nil end
  local found, err = core.cert.read(path)
  if not found then return nil, err end
  local list = found.certificates
  local one = #list == 1 and list[1] or list[found.leaf or 0]
  if not one then
    return nil, errors { code = "cert.invalid", hint = "give the client's certificate alone",
      message = ("'%s' holds %d certificates, none of them plainly the client's"):format(path,
                                                                                        #list) }
  end
  if #list > 1 then out:warn "only the client's certificate is sent, without its chain" end
  doubts(one, out)
  return one.pem
end

-- What a key needs besides its name, of the words; or nil, err.
local function options_of(args, out)
  local ok, err = check_type(args)
  if ok then ok, err = key_file.check(args.output, args.force) end
  if not ok then return nil, err end
  local pem, raw
  pem, err = read_certificate(args.x509, out)
  if err then return nil, err end
  raw, err = platform.parameters(args.parameters)
  if err then return nil, err end
  local pin = nil -- unsaid: the broker's own default is on
  if args.no_pin then pin = false end
  return { instance = args.name, name = args.keyname, type = args.type, validity = args.validity,
           key_length = args.key_length, x509 = pem, pin = pin, pin_name = args.pin_parameter,
           parameters = raw }
end

local function take_back(cf, args, err)
  local ok, why = cf:delete_key(args.name, args.keyname)
  if ok then return err end
  return errors { code = err.code, cause = err,
    message = ("%s; and the key '%s' is still there: %s"):format(err.message, args.keyname,
                                                                 why.message),
    hint = ("write it elsewhere: iflow instance key get %s %s -o FILE"):format(args.name,
                                                                               args.keyname) }
end

local function create(cf, args, out, options)
  local document, warnings = cf:create_key(options)
  if not document then return nil, warnings end
  platform.warn(out, warnings)
  local ok, err = key_file.write(args.output, document)
  if not ok then return nil, take_back(cf, args, err) end
  if args.output == "-" then return 0 end
  out:result(function() out:print(args.output) end,
             { file = args.output, type = args.type,
               client_id = keys.describe(document).client_id })
  return 0
end

local rows = {
  { "--type", value = "TYPE", choices = { "secret", "certificate", "external" },
    default = "secret", help = "how the sender proves itself at the token server" },
  { "--validity", value = "DAYS", type = "integer",
    help = "of a certificate made by the broker, 1 to 365" },
  { "--key-length", value = "BITS", type = "integer", help = "of its RSA key: 2048" },
  { "--x509", value = "FILE", help = "the external certificate" },
  { "--no-pin", flag = true, env = false, help = "take any later certificate of the same subject "
    .. "and issuer, too (Pin Certificate off)" },
  { "--pin-parameter", value = "NAME", default = parameters.PIN,
    help = "what the broker calls Pin Certificate, which SAP does not document" },
  { "--parameters", value = "FILE", env = false,
    help = "JSON object whose parameters are sent as they are" },
  platform.wait_option,
}
table.move(key_file.options, 1, #key_file.options, #rows + 1, rows)

return {
  name = "create",
  summary = "create a service key and write it to a file",
  description = "Writes the JSON that the BTP cockpit offers as a download. The file holds "
    .. "secrets: it is made for its owner alone (mode 0600).",
  arguments = { { "name", help = "the service instance" },
                { "keyname", help = "the key's name, at most 32 characters" } },
  options = platform.with(rows),
  when_stopped = platform.when_stopped,
  run = platform.run(create, options_of),
}
