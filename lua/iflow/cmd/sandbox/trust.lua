-- trust.lua -- iflow sandbox trust [FILE]: the two lists of roots by which client certificates are
-- judged; shows them, adds to them, takes roots off them.
local client = require "iflow.sandbox.client"
local core = require "iflow.core"
local errors = require "iflow.error"

local function show(out, lists)
  if out.json_mode then
    out:json(lists)
    return 0
  end
  local rows = {}
  for _, name in ipairs { "balancer", "token" } do
    for _, root in ipairs(lists[name]) do
      rows[#rows + 1] = { name, root.subject, os.date("!%Y-%m-%d", root.not_after), root.sha256 }
    end
  end
  out:table({ "list", "subject", "not after", "sha-256" }, rows)
  return 0
end

-- The certificates of the file as one PEM text, and their fingerprints.
local function read(path)
  local found, err = core.cert.read(path)
  if not found then return nil, err end
  local pem, prints = {}, {}
  for i, certificate in ipairs(found.certificates) do
    pem[i], prints[i] = certificate.pem, certificate.sha256
  end
  return table.concat(pem), prints
end

local function remove(sb, prints, list)
  local subjects = {}
  for i, sha256 in ipairs(prints) do
    local gone, err = sb:untrust(sha256, list)
    if not gone then return nil, err end
    subjects[i] = gone[1]
  end
  return subjects
end

return {
  name = "trust",
  summary = "accept certificates of another authority",
  description = "Adds the root certificates in FILE to the lists by which the load balancer and "
    .. "the token server judge client certificates. An external certificate needs both. Without "
    .. "FILE the lists are shown.",
  arguments = { { "file", args = "?", help = "PEM or DER" } },
  options = {
    require("iflow.cli.sandbox").dir_option,
    { "--list", value = "LIST", choices = { "balancer", "token", "both" }, default = "both",
      env = false, help = "which list" },
    { "--remove", flag = true, env = false, help = "take them off the list" },
  },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    if not args.file then
      if args.remove then
        return nil, errors { code = "usage.invalid", message = "--remove needs FILE" }
      end
      local lists
      lists, err = sb:trust()
      if not lists then return nil, err end
      return show(out, lists)
    end
    local pem, prints = read(args.file)
    if not pem then return nil, prints end
    local subjects
    if args.remove then subjects, err = remove(sb, prints, args.list)
    else subjects, err = sb:trust(pem, args.list) end
    if not subjects then return nil, err end
    out:result(function()
      for _, subject in ipairs(subjects) do out:print(subject) end
    end, { [args.remove and "removed" or "trusted"] = subjects })
    return 0
  end,
}
