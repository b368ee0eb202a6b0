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
local function values_of(option, values, msg)
  local all, into = value_of(values, msg) or {}, {}
  if type(all) ~= "table" then
    error(("the function '%s' returns a table, got %s"):format(option, type(all)), 0)
  end
  for name, value in pairs(all) do
    if type(name) ~= "string" then
      error(("'%s' has names: { Name = value }, got %s"):format(option, tostring(name)), 0)
    end
    if type(value) ~= "string" then
      value = value_of(value, msg)
      if value == false then value = nil end
      if math.type(value) or value == true then value = tostring(value) end
    end
    into[name] = value
  end
  return into
end

-- The query: a table as above, or a text that is encoded already.
local function query_of(query, msg)
  query = value_of(query, msg)
  if type(query) == "string" or query == nil then return query end
  return values_of("query", query, msg)
end

-- Fields that a call looks at, so they cannot be added to what it has looked at.
local looked_at = { authorization = true, cookie = true, ["x-csrf-token"] = true }

-- The call that is the same for every message but for body, id and content type; nil when a
-- function of the message has a say.
local function common_call(options, plan)
  if #plan.asked > 0 or type(options.headers) == "function" or type(options.query) == "function"
    or type(options.to) ~= "string" then return nil end
  for _, values in ipairs { options.headers or {}, options.query or {} } do
    for _, value in pairs(type(values) == "table" and values or {}) do
      if type(value) == "function" then return nil end
    end
  end
  local id = options.message_id
  if id and looked_at[id.header:lower()] then return nil end
  local call = { headers = values_of("headers", options.headers), query = query_of(options.query),
    id_name = id and id.header or nil, common = true }
  for name, value in next, plan.fixed do call[name] = value end
  return call
end

-- Of the options (a checked definition, which does not change): what goes to a call as it is,
-- the names of those that are functions of the message, and the call of messages that bring nothing
-- of their own. Made once.
local plans = setmetatable({}, { __mode = "k" })

local function plan_of(options)
  local plan = plans[options]
  if plan then return plan end
  plan = { fixed = {}, asked = {} }
  for _, name in ipairs { "to", "method", table.unpack(definition.for_call) } do
    if type(options[name]) == "function" then
      plan.asked[#plan.asked + 1] = name
    else
      plan.fixed[name] = options[name]
    end
  end
  plan.common = common_call(options, plan)
  plans[options] = plan
  return plan
end

-- Whether a header of this name is there, in whatever case.
local function has(headers, wanted)
  if headers[wanted] then return true end
  local length = #wanted
  for name in next, headers do
    if #name == length and name:lower() == wanted:lower() then return true end
  end
  return false
end

local function headers_of(options, msg)
  local headers = values_of("headers", options.headers, msg)
  for name, value in pairs(msg.headers) do headers[name] = value end
  if msg.content_type and not has(headers, "Content-Type") then
    headers["Content-Type"] = msg.content_type
  end
  local id = options.message_id
  if id and not has(headers, id.header) then headers[id.header] = msg.id end
  return headers
end

-- The text of an id; raises when it is none.
local function id_text(value, whose)
  if math.type(value) == "integer" then return tostring(value) end
  if type(value) == "string" and value ~= "" then return value end
  error(("%s is a text, got %s"):format(whose, value == "" and "an empty one" or type(value)), 0)
end

--- Gives the message its id, unless it has one or the sender wants none. derive: a function that
-- makes one where none is given, also when the sender wants none; a UUIDv7 otherwise.
function request.identify(options, msg, derive)
  local id = options.message_id
  if msg.id ~= nil then
    msg.id = id_text(msg.id, "the id of a message")
  elseif id or derive then
    local value
    if id and id.value then value = id.value(msg) end
    msg.id = value ~= nil and id_text(value, "what the function 'message_id' returns")
      or (derive or core.crypto.uuid7)()
  end
end

local function body_of(msg)
  if msg.body ~= nil or msg.data == nil then return msg.body end
  return nil, errors { code = "transform.invalid",
    message = msg:where() .. " has data, but no bytes to send",
    hint = "end the transforms with one that makes bytes, for example iflow.transform.to_json {}" }
end

--- For a message that brings a body, an id and a content type, and nothing else of its own: the
-- call that it shares with the others (for tenant:send_common), which is not to be changed; nil for
-- other messages. Runs no function of the script.
function request.common(options, msg)
  local call = plan_of(options).common
  if not call or type(msg.body) ~= "string" or next(msg.headers) ~= nil or msg.trace then
    return nil
  end
  local kind = type(msg.content_type)
  if kind ~= "string" and kind ~= "nil" then return nil end
  if msg.id == nil and options.message_id then
    if options.message_id.value then return nil end
    msg.id = core.crypto.uuid7()
  elseif msg.id ~= nil and (type(msg.id) ~= "string" or msg.id == "") then
    return nil
  end
  return call
end

--- The options for tenant:call, or nil, err. Runs functions of the script, which may raise.
function request.of(options, msg)
  request.identify(options, msg)
  local body, err = body_of(msg)
  if err then return nil, err end
  local plan, call = plan_of(options), { body = body, to = nil, method = nil, headers = nil,
    idempotent = nil, timeout = nil, query = nil, body_file = nil } -- room for what it gets
  for name, value in next, plan.fixed do call[name] = value end
  for _, name in ipairs(plan.asked) do call[name] = options[name](msg) end
  call.headers = headers_of(options, msg)
  if options.query ~= nil then call.query = query_of(options.query, msg) end
  if type(call.to) ~= "string" then
    error("the function 'to' returns a text, the address, got " .. type(call.to), 0)
  end
  return call
end

return request
