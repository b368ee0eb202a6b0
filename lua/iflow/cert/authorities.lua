-- authorities.lua -- where a chain leads to: the authorities that its signatures show, and which of
-- SAP's two lists have them. For cert.check, cert.fetch and `iflow check`.
--
--   authorities { chain = { PEM… } (leaf first), known = PEM texts | nil, roots = lists | nil,
--                 directory = nil (the system's) }
--     -> { reached = { certificate… } leaf first, root = certificate | nil, missing = issuer's name
--          | nil, load_balancer = row | nil, token_server = row | nil,
--          removed = row of the load balancer's list that is in it no more | nil,
--          named = row with the name of the missing issuer | nil, which proves nothing }
-- root: a self-signed one that is reached, one of the lists before others; missing: no self-signed
-- one is, and this name issued the last certificate that is known. Or nil, err.
local core = require "iflow.core"
local roots = require "iflow.roots"
local suggest = require "iflow.suggest"

local function in_list(list, certificate)
  local row = list:find(certificate)
  if row and not row.removed then return row end
  return nil, row
end

-- The lists name roots, and one intermediate: every authority on the way is looked up.
local function look_up(found, lists)
  for i = 2, #found.reached do
    local certificate = found.reached[i]
    local row, removed = in_list(lists.load_balancer, certificate)
    found.load_balancer = found.load_balancer or row
    found.removed = found.removed or removed
    found.token_server = found.token_server or (in_list(lists.token_server, certificate))
    if certificate.self_signed and (not found.root or row) then found.root = certificate end
  end
end

-- The names that issued something on the way and are not there themselves.
local function find_missing(found, lists)
  local subjects = {}
  for _, certificate in ipairs(found.reached) do subjects[certificate.subject] = true end
  for _, certificate in ipairs(found.reached) do
    if not subjects[certificate.issuer] then found.missing = certificate.issuer end
  end
  found.missing = found.missing or found.reached[#found.reached].issuer
  found.named = lists.load_balancer:named(found.missing)[1]
    or lists.token_server:named(found.missing)[1]
end

return function(options)
  suggest.check_keys(options, { "chain", "known", "roots", "directory" })
  local lists, err = options.roots, nil
  if not lists then lists, err = roots.load() end
  if not lists then return nil, err end
  local reached
  reached, err = core.cert.reach(options.chain, { known = options.known,
    directory = options.directory })
  if not reached then return nil, err end
  local found = { reached = reached }
  if reached[1].self_signed then
    found.root = reached[1]
    found.load_balancer = in_list(lists.load_balancer, reached[1])
    found.token_server = in_list(lists.token_server, reached[1])
  end
  look_up(found, lists)
  if not found.root then find_missing(found, lists) end
  return found
end
