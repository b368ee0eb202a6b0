--- The call that a message becomes by its sender's definition. Internal.

local core = require "iflow.core"
local definition = require "iflow.sender.definition"
local errors = require "iflow.error"

local request = {}

local function value_of(value, msg)
  if type(value) == "function" then return value(msg) end
  return value
end

-- A table of values that may be functions; false and nil leave a name out.
local function values_of(values, msg, into)
  for name, value in pairs(value_of(values, msg) or {}) do
    value = value_of(value, msg)
    if value == false then value = nil end
    if math.type(value) then value = tostring(value) end
    into[name] = value
  end
  return into
end

-- Whether a header of this name is there, in whatever case.
local function has(headers, wanted)
  wanted = wanted:lower()
  for name in pairs(headers) do
    if name:lower() == wanted then return true end
  end
  return false
end

local function headers_of(options, msg)
  local headers = options.headers and values_of(options.headers, msg, {}) or {}
  for name, value in pairs(msg.headers) do headers[name] = value end
  if msg.content_type and not has(headers, "Content-Type") then
    headers["Content-Type"] = msg.content_type
  end
  local id = options.message_id
  if id and not has(headers, id.header) then headers[id.header] = msg.id end
  return headers
end

--- Gives the message its id, unless it has one or the sender wants none.
function request.identify(options, msg)
  local id = options.message_id
  if msg.id ~= nil or not id then return end
  local value = id.value and id.value(msg)
  if math.type(value) == "integer" then value = tostring(value) end
  if value ~= nil and (type(value) ~= "string" or value == "") then
    error("the function 'message_id' returns a text, got " .. type(value), 0)
  end
  msg.id = value or core.crypto.uuid7()
end

local function body_of(msg)
  if msg.body ~= nil or msg.data == nil then return msg.body end
  return nil, errors { code = "transform.invalid",
    message = msg:where() .. " has data, but no bytes to send",
    hint = "end the transforms with one that makes bytes, for example iflow.transform.to_json {}" }
end

--- The options for tenant:call, or nil, err. Runs functions of the script, which may raise.
function request.of(options, msg)
  request.identify(options, msg)
  local body, err = body_of(msg)
  if err then return nil, err end
  local call = { to = value_of(options.to, msg), method = value_of(options.method, msg),
    body = body, headers = headers_of(options, msg) }
  if options.query then call.query = values_of(options.query, msg, {}) end
  for _, name in ipairs(definition.for_call) do call[name] = options[name] end
  if type(call.to) ~= "string" then
    error("the function 'to' returns a text, the address, got " .. type(call.to), 0)
  end
  return call
end

return request
