-- show.lua -- iflow cert show FILE: what a file with certificates says, whatever its format.
local certificates = require "iflow.cli.certificates"
local core = require "iflow.core"
local source = require "iflow.source"

local function headline(file, info)
  local n = #info.certificates
  local words = { ("%s: %s, %d certificate%s"):format(file, info.format, n, n == 1 and "" or "s") }
  if n > 1 then words[#words + 1] = info.order end
  if info.key_locked then
    words[#words + 1] = "encrypted private key"
  elseif info.has_key then
    words[#words + 1] = info.key_matches == false and "a private key of none of them"
      or "private key"
  end
  return table.concat(words, ", ")
end

local function print_info(out, file, info)
  out:print(headline(file, info))
  for i, certificate in ipairs(info.certificates) do
    out:print(("  certificate %d%s"):format(i, i == info.leaf and ", the leaf" or ""))
    certificates.print(out, certificates.rows(certificate), "    ")
  end
  if #info.certificates < 2 then return end
  out:print "  who issued whom"
  for _, line in ipairs(certificates.tree(info.certificates)) do out:print("    " .. line) end
end

local function as_json(info)
  for _, certificate in ipairs(info.certificates) do certificates.plain(certificate) end
  core.json.array(info.certificates)
  return info
end

local function run(args, out)
  local pass, info, err
  if args.pass_file then
    pass, err = source.secret(args.pass_file)
    if not pass then return nil, err end
  end
  info, err = core.cert.read(args.file, { passphrase = pass })
  if not info then return nil, err end
  out:result(function() print_info(out, args.file, info) end, out.json_mode and as_json(info))
  return 0
end

return {
  name = "show",
  summary = "show what a file with certificates holds",
  description = "Shows every certificate in FILE (PEM, DER, PKCS#7, PKCS#12, a zip archive of "
    .. "them, or a service key; told by content): names, dates, key, extended key usage, SHA-256; "
    .. "the order of the chain, who issued whom, and whether the private key in it belongs to one "
    .. "of them.",
  arguments = { { "file", help = "PEM, DER, PKCS#7, PKCS#12, zip or service key" } },
  options = {
    { "--pass-file", value = "FILE", help = "file whose first line is the passphrase" },
  },
  run = run,
}
