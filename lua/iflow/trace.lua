--- Traces that go through many systems, by the W3C Recommendation "Trace Context": which one a
-- message belongs to, and what its header fields traceparent and tracestate are.
--
--   local found = iflow.trace.parse(headers.traceparent, headers.tracestate)
--   iflow.sender "orders":enqueue(iflow.message.new { body = text, trace = found })
--
-- A trace is a table { traceparent =, tracestate = or nil }, which a message keeps as its field
-- `trace`, also in the outbox. What is sent is a child of it: of the same trace, with an id of its
-- own at each attempt.

local core = require "iflow.core"

local trace = {}

local MEMBERS_MAX = 32  -- of a tracestate
local STATE_MAX = 512   -- bytes of one that go on
local MEMBER_LONG = 128 -- bytes; longer members are the first to be left out
local SAMPLED = 1       -- the one flag of version 00

-- traceparent -----------------------------------------------------------------------------------

local function is_zero(id) return not id:find "[^0]" end

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- So many random bytes in hexadecimal, not all of them zero.
local function random_id(bytes)
  local id
  repeat id = hex(assert(core.crypto.random(bytes))) until not is_zero(id)
  return id
end

-- Version, trace, parent, flags, and what a later version has more; nil when it is none.
local function fields_of(text)
  local version, id, parent, flags, more = text:match(
    "^(%x%x)%-(" .. ("%x"):rep(32) .. ")%-(" .. ("%x"):rep(16) .. ")%-(%x%x)(.*)$")
  if not version or text:sub(1, 55):find "%u" or version == "ff" then return nil end
  if is_zero(id) or is_zero(parent) then return nil end
  if more ~= "" and (version == "00" or more:sub(1, 1) ~= "-") then return nil end
  return id, parent, tonumber(flags, 16) & SAMPLED
end

local function compose(id, parent, flags) return ("00-%s-%s-%02x"):format(id, parent, flags) end

-- tracestate ------------------------------------------------------------------------------------

-- "vendor", or "tenant@system".
local function is_key(key)
  local tenant, system = key:match "^([^@]*)@(.*)$"
  if not tenant then return #key <= 256 and key:find "^%l[%l%d_%-*/]*$" ~= nil end
  return #tenant <= 241 and #system <= 14 and tenant:find "^[%l%d][%l%d_%-*/]*$" ~= nil
    and system:find "^%l[%l%d_%-*/]*$" ~= nil
end

local function is_value(value)
  return #value <= 256 and value:find "^[ -+--<>-~]*[!-+--<>-~]$" ~= nil
end

-- The list's members; nil when one is wrong, is there twice, or there are too many.
local function members_of(text)
  local list, seen = {}, {}
  for member in (text .. ","):gmatch "([^,]*)," do
    member = member:match "^[ \t]*(.-)[ \t]*$"
    if member ~= "" then -- empty ones are allowed
      local key, value = member:match "^([^=]*)=(.*)$"
      if not key or seen[key] or not is_key(key) or not is_value(value) then return nil end
      list[#list + 1], seen[key] = member, true
    end
  end
  return #list <= MEMBERS_MAX and list or nil
end

local function size_of(list)
  local size = math.max(#list - 1, 0)
  for _, member in ipairs(list) do size = size + #member end
  return size
end

-- As the Recommendation shortens it: long members first, then from the end.
local function shorten(list)
  for i = #list, 1, -1 do
    if size_of(list) > STATE_MAX and #list[i] > MEMBER_LONG then table.remove(list, i) end
  end
  while size_of(list) > STATE_MAX do table.remove(list) end
  return list
end

local function state_of(text)
  local list = type(text) == "string" and members_of(text)
  if not list or #list == 0 then return nil end
  list = shorten(list)
  return #list > 0 and table.concat(list, ",") or nil
end

-- The whole ---------------------------------------------------------------------------------------

--- The trace of these header fields; nil when traceparent is missing or no valid one. A tracestate
-- that is not valid is left out alone. Several fields of a name come joined by commas, as in HTTP.
function trace.parse(traceparent, tracestate)
  if type(traceparent) ~= "string" then return nil end
  local id, parent, flags = fields_of(traceparent)
  if not id then return nil end
  return { traceparent = compose(id, parent, flags), tracestate = state_of(tracestate) }
end

--- A new trace, which says that it is recorded: in the log.
function trace.make()
  return { traceparent = compose(random_id(16), random_id(8), SAMPLED) }
end

--- The same trace with a new parent id, for what is sent now.
function trace.child(from)
  local id, _, flags = fields_of(from.traceparent)
  return { traceparent = compose(id, random_id(8), flags), tracestate = from.tracestate }
end

--- The id of the trace, 32 hexadecimal digits; nil of nil.
function trace.id(from) return from and from.traceparent:sub(4, 35) or nil end

--- Whether a value is a trace as parse and make return it.
function trace.is(value)
  if type(value) ~= "table" or type(value.traceparent) ~= "string" then return false end
  local again = trace.parse(value.traceparent, value.tracestate)
  return again ~= nil and again.traceparent == value.traceparent
    and again.tracestate == value.tracestate
end

-- Messages ----------------------------------------------------------------------------------------

-- What the headers have under these names, in whatever case, which goes.
local function take(headers)
  local found = {}
  for name, value in pairs(headers) do
    local lower = name:lower()
    if lower == "traceparent" or lower == "tracestate" then
      found[lower], headers[name] = value, nil
    end
  end
  return found
end

--- Gives a message its trace: the one it has, or that of its own headers; else a new one where the
-- sender's option `trace` is true. Before it is stored or sent.
function trace.begin(options, msg)
  if not msg.trace and next(msg.headers) ~= nil then
    local found = take(msg.headers)
    msg.trace = trace.parse(found.traceparent, found.tracestate)
  end
  if not msg.trace and options.trace then msg.trace = trace.make() end
end

--- Puts what is sent at this attempt into the headers of a call.
function trace.put(call, msg)
  if not msg.trace then return end
  take(call.headers)
  for name, value in pairs(trace.child(msg.trace)) do call.headers[name] = value end
end

return trace
