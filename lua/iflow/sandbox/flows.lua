--- The deployed flows: which address each serves, and who owns an address. A flow is a table:
---   name      of the artifact
---   adapter   of its sender channel: "https", "soap", "as2" or "odata" (adapter/NAME.lua)
---   address   "/orders", or "/Customer/*" for everything below; called as /http/orders
---   role      the sender channel's User Role; "ESBMessaging.send"
---   csrf      CSRF protection; true for HTTPS
---   max_size  Maximum Message Size in bytes; 40 MB
---   allowed_headers   Allowed Headers, "X-Order|X-My*" or a list; none
---   one_way   of a SOAP channel: "standard" or "robust"; nil: it answers
---   return_exception  the sender gets the text of the exception; false
---   stream    the flow reads the body itself, piece by piece: more than fits into memory; false
---   process   function(exchange) -> status, headers, body; raises to fail. Body: a string, or a
---             function that returns piece after piece, nil at the end. See runtime/exchange.lua.
local adapters = require "iflow.sandbox.adapters"
local headers = require "iflow.sandbox.runtime.headers"
local suggest = require "iflow.suggest"

local flows = {}
flows.__index = flows

local DEFAULT_ROLE = "ESBMessaging.send"
local DEFAULT_SIZE = 40 * 1024 * 1024 -- bytes
local MEMORY_MAX = 1 << 31 -- what a flow without stream = true may ask for
local MAX = 1000
local FIELDS = { "name", "adapter", "address", "role", "csrf", "max_size", "allowed_headers",
                 "one_way", "return_exception", "stream", "process" }

function flows.new() return setmetatable({ by_name = {}, count = 0 }, flows) end

local function fail(text, ...) return nil, text:format(...) end

--- Whether a text is a name of flows, and so of files that are named after them.
function flows.is_name(name)
  return type(name) == "string" and name:match "^%w[%w_.%- ]*$" ~= nil and #name <= 150
end

local function check_name(name)
  if flows.is_name(name) then return true end
  return fail("a flow needs a name of letters, digits, blanks, '_', '-' and '.'")
end

local function check_size(flow)
  if math.type(flow.max_size) ~= "integer" or flow.max_size < 1 then
    return fail("max_size must be a number of bytes, at least 1")
  elseif flow.max_size > MEMORY_MAX and not flow.stream then
    return fail("max_size above %d bytes needs stream = true", MEMORY_MAX)
  end
  return true
end

local function check_channel(flow)
  if not flow.channel then return fail("there is no adapter '%s'", tostring(flow.adapter)) end
  if type(flow.role) ~= "string" then return fail("role must be the name of a role") end
  if flow.stream and flow.channel.unwrap then
    return fail("a channel of adapter '%s' cannot stream", flow.adapter)
  elseif flow.one_way and flow.one_way ~= "standard" and flow.one_way ~= "robust" then
    return fail("one_way is \"standard\" or \"robust\"")
  elseif not flow.allowed_patterns then
    return fail("allowed_headers must be names separated by '|', or a list of names")
  end
  return flow.channel.check_address(flow.address)
end

-- Where the flow is in URLs: its path, and whether what is below belongs to it.
local function place(flow)
  local above = flow.address:match "^(.*)/%*$"
  flow.path = flow.channel.prefix .. (above or flow.address)
  flow.below = above ~= nil or flow.channel.open_below == true
  flow.only_below = above ~= nil -- "/a/*" does not serve "/a", and shares nothing
end

local function with_defaults(given, defaults)
  local channel = adapters.find(given.adapter or "https")
  local csrf = given.csrf
  if csrf == nil then csrf = channel and channel.csrf or defaults.csrf_everywhere == true end
  return {
    name = given.name, adapter = given.adapter or "https", channel = channel,
    address = given.address, role = given.role or DEFAULT_ROLE, csrf = csrf ~= false,
    max_size = given.max_size or defaults.max_size or DEFAULT_SIZE,
    allowed_patterns = headers.patterns(given.allowed_headers or {}), one_way = given.one_way,
    return_exception = given.return_exception == true, stream = given.stream == true,
    process = given.process,
  }
end

--- Completes a flow; nil and what is wrong. defaults: the settings max_size and csrf_everywhere.
function flows.complete(given, defaults)
  suggest.check_keys(given, FIELDS)
  local ok, why = check_name(given.name)
  if not ok then return nil, why end
  if type(given.process) ~= "function" then
    return fail("the flow '%s' needs process = function(exchange) … end", given.name)
  end
  local flow = with_defaults(given, defaults or {})
  ok, why = check_channel(flow)
  if ok then ok, why = check_size(flow) end
  if not ok then return nil, why end
  place(flow)
  return flow
end

local function inside(path, address) return address:sub(1, #path + 1) == path .. "/" end

-- The flow that already owns an address of this one, or nil. What serves everything below by the
-- habit of its adapter shares: there the longest address wins.
local function owner(self, flow)
  for _, other in pairs(self.by_name) do
    if other.name ~= flow.name then
      if (other.path == flow.path and other.only_below == flow.only_below)
        or (other.only_below and inside(other.path, flow.path))
        or (flow.only_below and inside(flow.path, other.path)) then
        return other
      end
    end
  end
end

--- Deploys a completed flow at `now` (seconds), in place of one with the same name. nil and why
--- not.
function flows:deploy(flow, now)
  local other = owner(self, flow)
  if other then
    return fail("the address '%s' belongs to the flow '%s' already", flow.address, other.name)
  end
  if not self.by_name[flow.name] then
    if self.count >= MAX then return fail("there are %d flows already, no more fit", MAX) end
    self.count = self.count + 1
  end
  flow.deployed_at = now
  self.by_name[flow.name] = flow
  return true
end

--- Whether there was such a flow.
function flows:undeploy(name)
  if not self.by_name[name] then return false end
  self.by_name[name], self.count = nil, self.count - 1
  return true
end

--- "STARTING" for so many seconds after its deployment, then "STARTED".
function flows.status(flow, now, deploy_time)
  return flow.deployed_at and now - flow.deployed_at < deploy_time and "STARTING" or "STARTED"
end

local function serves(flow, path, same)
  if flow.below and inside(same(flow.path), path) then return true end
  return not flow.only_below and same(flow.path) == path
end

local function as_it_is(text) return text end

--- The flow that serves the path of a URL, and what is behind its address ("" for nothing). nil
--- when none does. insensitive: whether case is ignored.
function flows:find(path, insensitive)
  local same = insensitive and string.lower or as_it_is
  local found
  for _, flow in pairs(self.by_name) do
    if serves(flow, same(path), same) and (not found or #flow.path > #found.path) then
      found = flow
    end
  end
  if found then return found, path:sub(#found.path + 2) end
end

--- Sorted descriptions, without the functions. now, deploy_time: as for status.
function flows:list(now, deploy_time)
  local list = {}
  for _, flow in pairs(self.by_name) do
    list[#list + 1] = { name = flow.name, address = flow.address, role = flow.role,
                        csrf = flow.csrf, max_size = flow.max_size, adapter = flow.adapter,
                        path = flow.path, protocol = flow.channel.protocol,
                        deployed_at = flow.deployed_at,
                        status = flows.status(flow, now or math.huge, deploy_time or 0) }
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return flows
