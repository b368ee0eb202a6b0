--- The deployed flows: which address each serves, and who owns an address. A flow is a table:
---   name      of the artifact
---   address   "/orders", or "/Customer/*" for everything below; called as /http/orders
---   role      the sender channel's User Role; "ESBMessaging.send"
---   csrf      CSRF protection; true
---   max_size  Maximum Message Size in bytes; 40 MB
---   stream    the flow reads the body itself, piece by piece: more than fits into memory; false
---   process   function(exchange) -> status, headers, body; raises to fail. Body: a string, or a
---             function that returns piece after piece, nil at the end. See runtime/exchange.lua.
local suggest = require "iflow.suggest"

local flows = {}
flows.__index = flows

local DEFAULT_ROLE = "ESBMessaging.send"
local DEFAULT_SIZE = 40 * 1024 * 1024 -- bytes
local MEMORY_MAX = 1 << 31 -- what a flow without stream = true may ask for
local MAX = 1000
local FIELDS = { "name", "address", "role", "csrf", "max_size", "stream", "process" }

function flows.new() return setmetatable({ by_name = {}, count = 0 }, flows) end

local function fail(text, ...) return nil, text:format(...) end

-- The rules of the HTTPS channel (sap-reference 5.1).
local function check_address(address)
  if type(address) ~= "string" or address:sub(1, 1) ~= "/" or #address < 2 then
    return fail("the address must be a path that starts with '/'")
  end
  local plain = address:gsub("/%*$", "")
  if plain:find("[^%w_/~%-.$]") then
    return fail("the address '%s' has a character it must not; '*' stands only in a final '/*'",
                address)
  end
  local misplaced = plain:find("//", 1, true) or plain:find("^/[.-]")
    or plain:find("^/[^/]*~") -- only behind the first segment
    or plain:find("$", 3, true) -- only as the first character
  if misplaced then
    return fail("the address '%s' breaks the rules of the HTTPS sender adapter", address)
  end
  return true
end

--- Completes a flow { name, address, role, csrf, max_size, stream, process }; nil and what is
--- wrong.
function flows.complete(given)
  suggest.check_keys(given, FIELDS)
  local name = given.name
  if type(name) ~= "string" or not name:match("^%w[%w_.%- ]*$") or #name > 150 then
    return fail("a flow needs a name of letters, digits, blanks, '_', '-' and '.'")
  end
  if type(given.process) ~= "function" then
    return fail("the flow '%s' needs process = function(exchange) … end", given.name)
  end
  local ok, why = check_address(given.address)
  if not ok then return nil, why end
  local flow = { name = given.name, address = given.address, role = given.role or DEFAULT_ROLE,
                 csrf = given.csrf ~= false, max_size = given.max_size or DEFAULT_SIZE,
                 stream = given.stream == true, process = given.process }
  if type(flow.role) ~= "string" then return fail("role must be the name of a role") end
  if math.type(flow.max_size) ~= "integer" or flow.max_size < 1 then
    return fail("max_size must be a number of bytes, at least 1")
  end
  if flow.max_size > MEMORY_MAX and not flow.stream then
    return fail("max_size above %d bytes needs stream = true", MEMORY_MAX)
  end
  flow.base = flow.address:match("^(.*)/%*$") -- "/a" of "/a/*"; nil for an address without it
  return flow
end

local function inside(base, address) return address:sub(1, #base + 1) == base .. "/" end

-- The flow that already owns an address of this one, or nil.
local function owner(self, flow)
  for _, other in pairs(self.by_name) do
    if other.name ~= flow.name then
      if other.address == flow.address
        or (other.base and inside(other.base, flow.address))
        or (flow.base and inside(flow.base, other.address)) then
        return other
      end
    end
  end
end

--- Deploys a completed flow, in place of one with the same name. nil and why not.
function flows:deploy(flow)
  local other = owner(self, flow)
  if other then
    return fail("the address '%s' belongs to the flow '%s' already", flow.address, other.name)
  end
  if not self.by_name[flow.name] then
    if self.count >= MAX then return fail("there are %d flows already, no more fit", MAX) end
    self.count = self.count + 1
  end
  self.by_name[flow.name] = flow
  return true
end

--- Whether there was such a flow.
function flows:undeploy(name)
  if not self.by_name[name] then return false end
  self.by_name[name], self.count = nil, self.count - 1
  return true
end

--- The flow that serves an address, and the part behind "/*" ("" without it). nil when none does.
function flows:find(address)
  for _, flow in pairs(self.by_name) do
    if flow.base and inside(flow.base, address) then
      return flow, address:sub(#flow.base + 2)
    elseif flow.address == address then
      return flow, ""
    end
  end
end

--- Sorted descriptions, without the functions.
function flows:list()
  local list = {}
  for _, flow in pairs(self.by_name) do
    list[#list + 1] = { name = flow.name, address = flow.address, role = flow.role,
                        csrf = flow.csrf, max_size = flow.max_size }
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return flows
