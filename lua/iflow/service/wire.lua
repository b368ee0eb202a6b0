--- How values of an outbox travel as JSON between a service and the commands that ask it. Internal.
-- Bytes that are no UTF-8, and every body, become { ["$bytes"] = base64 }; a name that begins with
-- "$" gets another one in front.

local core = require "iflow.core"
local errors = require "iflow.error"

local wire = {}

local base64, unbase64 = core.crypto.base64, core.crypto.unbase64

local function escape(name)
  return type(name) == "string" and name:sub(1, 1) == "$" and "$" .. name or name
end

--- A value as it travels; the same table when nothing in it changes, with its mark as an array.
function wire.pack(value, name)
  if type(value) == "string" then
    return (name == "body" or not utf8.len(value)) and { ["$bytes"] = base64(value) } or value
  elseif type(value) ~= "table" then
    return value
  end
  local copy, changed = {}, false
  for key, item in pairs(value) do
    local packed, escaped = wire.pack(item, key), escape(key)
    changed = changed or packed ~= item or escaped ~= key
    copy[escaped] = packed
  end
  return changed and copy or value
end

--- A decoded value as it was.
function wire.unpack(value)
  if type(value) ~= "table" then return value end
  if type(value["$bytes"]) == "string" then return unbase64(value["$bytes"]) end
  local copy, changed = {}, false
  for key, item in pairs(value) do
    local unpacked = wire.unpack(item)
    if type(key) == "string" and key:sub(1, 1) == "$" then key, changed = key:sub(2), true end
    changed = changed or unpacked ~= item
    copy[key] = unpacked
  end
  return changed and copy or value
end

--- The parts of an iflow.error that travel, and an iflow.error of them.
function wire.pack_error(err)
  return wire.pack { code = err.code, message = err.message, hint = err.hint,
    retryable = err.retryable, status = err.status }
end

function wire.unpack_error(fields)
  return errors.wrap(wire.unpack(fields), "outbox.failed")
end

return wire
