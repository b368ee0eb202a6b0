--- Which headers of a request reach the flow, under lower-case names (sap-reference 5.2): those of
--- HTTP itself, those that Allowed Headers of the flow lists, every query parameter, and what the
--- runtime says. Nothing that starts with "camel" comes from outside, and nobody but the balancer
--- and the runtime say who calls, not even by a parameter; the sender is told nothing.
local web = require "iflow.sandbox.web"

local headers = {}

local STANDARD = {}
for name in ([[accept accept-charset accept-encoding accept-language cache-control connection
  content-disposition content-encoding content-id content-language content-length content-type
  content-md5 cookie date expect from host if-match if-modified-since if-none-match if-range
  if-unmodified-since origin pragma range referer soapaction te trailer transfer-encoding upgrade
  user-agent via warning ssl_client_cert ssl_client_user]]):gmatch "%S+" do
  STANDARD[name] = true
end

--- Allowed Headers, "a|b*" or a list, as patterns of lower-case names; nil when it is neither.
function headers.patterns(given)
  local list = {}
  if type(given) == "string" then
    for name in given:gmatch "[^|]+" do list[#list + 1] = name end
  elseif type(given) == "table" then
    list = given
  else
    return nil
  end
  local patterns = {}
  for i, name in ipairs(list) do
    if type(name) ~= "string" then return nil end
    patterns[i] = "^" .. name:lower():gsub("[^%w*]", "%%%0"):gsub("%*", ".*") .. "$"
  end
  return patterns
end

--- Whether Allowed Headers of the flow lists a name.
function headers.allowed(flow, name)
  for _, pattern in ipairs(flow.allowed_patterns or {}) do
    if name:find(pattern) then return true end
  end
  return false
end

local S, X = ("sx"):byte(1, 2)
local BALANCER = { "^ssl[_-]client", "^x[_-]ssl[_-]client", "^x[_-]forwarded[_-]client[_-]cert$" }

--- Whether only the balancer may say a header (lower-case name): what it knows of a certificate.
function headers.is_balancers(name)
  local first = name:byte()
  if first ~= S and first ~= X then return false end
  for _, pattern in ipairs(BALANCER) do
    if name:find(pattern) then return true end
  end
  return false
end

local function is_runtimes(name)
  return name:find("camel", 1, true) == 1 or name == "sapauthenticatedusername"
end

local function from_outside(request, out)
  for name, value in pairs(request.headers) do
    if STANDARD[name] or not is_runtimes(name) and headers.allowed(request.flow, name) then
      out[name] = value
    end
  end
end

-- A parameter is appended to a header of its name.
local function from_query(request, out)
  if request.query == "" then return end
  for pair in request.query:gmatch "[^&]+" do
    local name, value = pair:match "^([^=]*)=?(.*)$"
    name, value = web.unescape(name, true), web.unescape(value, true)
    name = name and name:lower() or ""
    if value and name ~= "" and not name:find "[%s%c]" and not is_runtimes(name)
      and not headers.is_balancers(name) then
      out[name] = out[name] and out[name] .. ", " .. value or value
    end
  end
end

local function from_runtime(tenant, request, out)
  out.camelhttpmethod = request.method
  out.camelhttpurl = tenant.addresses:url("runtime") .. request.path
  out.camelhttpquery = request.query ~= "" and request.query or nil
  out.camelhttppath = request.rest
  out.camelservletcontextpath = request.flow.address:gsub("/%*$", "")
  if request.caller.by ~= "certificate" then
    out.sapauthenticatedusername = request.caller.client_id
  end
end

--- The headers of the message that the flow gets.
function headers.of(tenant, request)
  local out = {}
  from_outside(request, out)
  from_query(request, out)
  from_runtime(tenant, request, out)
  out.authorization, out["x-csrf-token"] = nil, nil -- the adapter's own business
  return out
end

return headers
