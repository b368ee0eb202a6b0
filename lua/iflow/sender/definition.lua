--- The options of a sender: checked when it is defined, at the line that defines it. Internal; what
-- they mean stands in lua/iflow/sender.lua.

local duration = require "iflow.duration"
local proof_options = require "iflow.sender.proof_options"
local retry = require "iflow.retry"
local suggest = require "iflow.suggest"
local transform = require "iflow.transform"

local definition = {}

local BREAKER = { share = 0.5, window = 20, pause = 30 }
local auth_words = { token = true, certificate = true, basic = true }
local limit_words = { reject = true, ready = true }
local CONCURRENCY_MAX = 256

--- Options that go to iflow.tenant and to each call as they are.
definition.for_tenant = { "service_key", "identity", "cert", "key", "passphrase", "pass_file",
  "url", "cacert", "proxy", "proxy_userpwd", "token_cache", "scope", "grant_type_in", "client_auth",
  "connections", "next", "trust" }
definition.for_call = { "auth", "csrf", "expect", "idempotent", "max_body", "connect_timeout",
  "timeout", "stall_timeout", "queue_timeout" }

local own = { "to", "method", "headers", "query", "transform", "retry", "order_by", "concurrency",
  "rate", "breaker", "message_id", "on_delivered", "on_rejected", "on_in_doubt",
  "api", "confirm", "in_doubt", "on_limit", "trace" }

local known = {}
for _, list in ipairs { definition.for_tenant, definition.for_call, own } do
  table.move(list, 1, #list, #known + 1, known)
end

local function expect(options, name, level, text, ...)
  local kind = type(options[name])
  for _, fine in ipairs { "nil", ... } do
    if kind == fine then return end
  end
  error(("option '%s' must be %s, got %s"):format(name, text, kind), level + 1)
end

local function check_number(options, name, default, fine, text, level)
  local value = options[name]
  if value == nil then return default end
  if type(value) ~= "number" or not fine(value) then
    error(("option '%s' must be %s"):format(name, text), level + 1)
  end
  return value
end

-- A table of values, each of which may be a function of the message; or a function of it for all.
local function check_values(options, name, level)
  expect(options, name, level + 1, "a table or a function of the message", "table", "function")
  if type(options[name]) ~= "table" then return end
  for key, value in pairs(options[name]) do
    local kind = type(value)
    if type(key) ~= "string" then
      error(("option '%s' has names: %s = { Name = value }"):format(name, name), level + 1)
    elseif kind ~= "string" and kind ~= "number" and kind ~= "function" and kind ~= "table"
      and kind ~= "boolean" then
      error(("'%s' in option '%s' must be a text or a function of the message, got %s")
        :format(key, name, kind), level + 1)
    end
  end
end

local function check_breaker(value, level)
  if value == false then return false end
  if value == nil then return BREAKER end
  if type(value) ~= "table" then
    error("option 'breaker' must be false or { share = 0.5, window = 20, pause = \"30s\" }",
      level + 1)
  end
  suggest.check_keys(value, { "share", "window", "pause" }, level + 1)
  local share = check_number(value, "share", BREAKER.share,
    function(n) return n > 0 and n <= 1 end, "a share, greater than 0 and at most 1", level + 1)
  local window = check_number(value, "window", BREAKER.window,
    function(n) return math.type(n) == "integer" and n >= 1 and n <= 10000 end,
    "a whole number of answers, from 1 to 10000", level + 1)
  return { share = share, window = window,
    pause = value.pause and duration.check(value.pause, "pause", level + 1) or BREAKER.pause }
end

-- { header =, value = function(message) } of whatever was written, false for none.
local function check_message_id(value, level)
  if value == false then return false end
  if type(value) == "function" then value = { value = value } end
  if value == nil then value = {} end
  if type(value) ~= "table" then
    error("option 'message_id' must be a function of the message, false, or "
      .. "{ header = \"…\", value = function(message) … end }", level + 1)
  end
  suggest.check_keys(value, { "header", "value" }, level + 1)
  expect(value, "header", level + 1, "the name of a header", "string")
  expect(value, "value", level + 1, "a function of the message", "function")
  return { header = value.header or "SAP_ApplicationID", value = value.value }
end

local waits = { "connect_timeout", "timeout", "stall_timeout", "queue_timeout" }

-- What goes to each call as it is: wrong values are told here, not at the first message.
local function check_call(options, level)
  for _, name in ipairs(waits) do
    local value = options[name]
    if value ~= nil and type(value) ~= "function" then duration.check(value, name, level + 1) end
  end
  expect(options, "idempotent", level + 1, "true or false", "boolean")
  expect(options, "csrf", level + 1, "true, false or a function of the message", "boolean",
    "function")
  expect(options, "expect", level + 1, "a list of statuses or a function of the message", "table",
    "function")
  expect(options, "max_body", level + 1, "a number of bytes or a function of the message", "number",
    "function")
  local auth = options.auth
  if auth ~= nil and type(auth) ~= "function" and not auth_words[auth] then
    error(suggest.message("option 'auth' must be \"token\", \"certificate\" or \"basic\", or a "
      .. "function of the message", auth, { "token", "certificate", "basic" }), level + 1)
  end
end

local function check_plain(options, level)
  suggest.check_keys(options, known, level + 1)
  for key in pairs(options) do
    if type(key) ~= "string" then error("the options of a sender have names", level + 1) end
  end
  if options.to == nil then error("option 'to' is missing: the address, such as \"/http/orders\"",
    level + 1) end
  expect(options, "to", level + 1, "a text or a function of the message", "string", "function")
  expect(options, "method", level + 1, "a text or a function of the message", "string", "function")
  check_values(options, "headers", level + 1)
  check_values(options, "query", level + 1)
  check_call(options, level + 1)
  for _, name in ipairs { "order_by", "on_delivered", "on_rejected", "on_in_doubt" } do
    expect(options, name, level + 1, "a function", "function")
  end
  expect(options, "trace", level + 1, "true or false", "boolean")
  if options.on_limit ~= nil and not limit_words[options.on_limit] then
    error(suggest.message("option 'on_limit' must be \"reject\" or \"ready\"", options.on_limit,
      { "reject", "ready" }), level + 1)
  end
end

--- The checked definition; raises `level` above the caller. Everything that is optional has its
-- default in it.
function definition.check(options, level)
  if type(options) ~= "table" then
    error("a sender is defined by a table: iflow.sender \"name\" { to = \"/http/…\" }", level + 1)
  end
  check_plain(options, level + 1)
  local checked = {}
  for key, value in pairs(options) do checked[key] = value end
  checked.transform = transform.check(options.transform or {}, level + 1)
  checked.retry = retry.of(options.retry, level + 1)
  checked.concurrency = check_number(options, "concurrency", 8, function(n)
    return math.type(n) == "integer" and n >= 1 and n <= CONCURRENCY_MAX
  end, "a whole number from 1 to " .. CONCURRENCY_MAX, level + 1)
  checked.rate = check_number(options, "rate", nil, function(n)
    return n > 0 and n < math.huge
  end, "a number of messages a second, greater than 0", level + 1)
  checked.breaker = check_breaker(options.breaker, level + 1)
  checked.message_id = check_message_id(options.message_id, level + 1)
  proof_options.check(options, checked, level + 1)
  return checked
end

return definition
