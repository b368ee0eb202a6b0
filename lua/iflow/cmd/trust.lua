-- trust.lua -- iflow trust add|list|remove: the roots that a sender trusts beside the system's.
local certificates = require "iflow.cli.certificates"
local json = require "iflow.json"
local roots = require "iflow.roots"
local trust = require "iflow.trust"

local store = { "--trust", value = "FILE", required = true, help = "the trust store" }

-- On which of SAP's lists a root is, in a word.
local function standing(lists, certificate)
  local row = lists.load_balancer:find(certificate)
  if not row then return "not listed" end
  return row.removed and "removed" or row.required and "required" or "approved"
end

local function value_of(lists, certificate)
  return { subject = certificate.subject, sha256 = certificate.sha256,
    not_after = certificate.not_after, days_left = certificates.days_left(certificate.not_after),
    sap = standing(lists, certificate) }
end

local function values_of(lists, list)
  local values = json.array {}
  for i, certificate in ipairs(list) do values[i] = value_of(lists, certificate) end
  return values
end

local function add(args, out)
  local result, err = trust.add(args.trust, args.file)
  if not result then return nil, err end
  local lists
  lists, err = roots.load {}
  if not lists then return nil, err end
  local left = json.array {}
  for i, item in ipairs(result.left_out) do
    left[i] = { subject = item.certificate.subject, reason = item.reason }
  end
  out:result(function()
    for _, certificate in ipairs(result.added) do
      out:print(("added: %s, SHA-256 %s"):format(certificate.subject, certificate.sha256))
    end
    for _, certificate in ipairs(result.known) do
      out:print(("known: %s"):format(certificate.subject))
    end
    for _, item in ipairs(left) do
      out:print(("left out: %s: %s"):format(item.subject, item.reason))
    end
  end, { trust = args.trust, added = values_of(lists, result.added),
    known = values_of(lists, result.known), left_out = left })
  for _, certificate in ipairs(result.added) do
    if standing(lists, certificate) == "removed" then
      out:warn(("SAP has removed %s from its list"):format(certificate.subject))
    end
  end
  return 0
end

local function list(args, out)
  local found, err = trust.list(args.trust)
  if not found then return nil, err end
  local lists
  lists, err = roots.load {}
  if not lists then return nil, err end
  out:result(function()
    local rows = {}
    for i, value in ipairs(values_of(lists, found)) do
      rows[i] = { value.days_left < 0 and "EXPIRED" or value.days_left, value.sap, value.subject,
        value.sha256 }
    end
    out:table({ "days left", "SAP's list", "subject", "SHA-256" }, rows)
  end, values_of(lists, found))
  return 0
end

local function remove(args, out)
  local removed, err = trust.remove(args.trust, args.sha256)
  if not removed then return nil, err end
  out:result(function() out:print("removed: " .. removed.subject) end,
    { removed = removed.sha256, subject = removed.subject })
  return 0
end

return {
  name = "trust",
  summary = "keep the roots that a sender trusts",
  description = "Keeps a trust store: a PEM file with roots that are trusted beside the system's "
    .. "(--trust, or the option trust of a sender), such as those of SAP's load balancer.",
  commands = {
    {
      name = "add",
      summary = "add roots from files",
      description = "Adds the roots of each FILE (PEM, DER, PKCS#7, or the archive of SAP's "
        .. "connectivity test). Certificates of servers and intermediates are refused: they change "
        .. "without a word. Before a load balancer gets another root, have both in the store.",
      arguments = { { "file", args = "+", help = "files with roots" } },
      options = { store },
      run = add,
    },
    {
      name = "list",
      summary = "show the roots of a store",
      options = { store },
      run = list,
    },
    {
      name = "remove",
      summary = "remove a root",
      arguments = { { "sha256", help = "its SHA-256, or the first eight digits of it" } },
      options = { store },
      run = remove,
    },
  },
}
