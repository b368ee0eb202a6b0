-- request.lua -- iflow cert request NAME: a key pair and its signing request, for the key type
-- External Certificate.
local cert = require "iflow.cert"
local new_files = require "iflow.cli.new_files"
local source = require "iflow.source"

local kinds = { ["rsa-2048"] = { "rsa", 2048 }, ["rsa-3072"] = { "rsa", 3072 },
                ["rsa-4096"] = { "rsa", 4096 }, ["ec-p256"] = { "ec", 256 },
                ["ec-p384"] = { "ec", 384 } }
local names = { "rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384" }

local function passphrase(args)
  if not args.pass_file then return nil end
  return source.secret(args.pass_file)
end

local function run(args, out)
  local key_path, request_path = args.name .. ".key.pem", args.name .. ".csr.pem"
  local ok, err = new_files.check({ key_path, request_path }, args.force)
  if not ok then return nil, err end
  local pass, made
  pass, err = passphrase(args)
  if err then return nil, err end
  local kind = kinds[args.type]
  made, err = cert.request { type = kind[1], bits = kind[2], subject = args.subject,
                             sans = args.san, passphrase = pass }
  if not made then return nil, err end
  ok, err = new_files.write {
    { path = key_path, text = made.key_pem:reveal(), mode = "0600" },
    { path = request_path, text = made.request_pem, mode = "0600" },
  }
  if not ok then return nil, err end
  out:result(function()
    out:print("private key: " .. key_path)
    out:print("signing request: " .. request_path)
  end, { key = key_path, request = request_path, type = args.type, encrypted = pass ~= nil })
  return 0
end

return {
  name = "request",
  summary = "make a key pair and a signing request",
  description = "Writes NAME.key.pem, which only you can read, and NAME.csr.pem for an authority "
    .. "to sign. What comes back is given to SAP in a service key of type External Certificate. "
    .. "The request asks for the extended key usage clientAuth.",
  arguments = { { "name", help = "how the files begin, with their directory" } },
  options = {
    { "--subject", value = "NAME", required = true, env = false,
      help = "whose certificate it is: CN=orders, O=Example, C=DE" },
    { "--san", value = "NAME", multiple = true, env = false,
      help = "alternative name: DNS:host, IP:address, URI:… or email:…; may be repeated" },
    { "--type", value = "TYPE", choices = names, default = "rsa-3072", env = false,
      help = "of the key pair" },
    { "--pass-file", value = "FILE",
      help = "file whose first line becomes the passphrase of the key" },
    { "--force", flag = true, env = false, help = "replace files that exist" },
  },
  run = run,
}
