--- Whether the log of a message could have been found by the message's id, so that its absence says
-- that the message did not arrive. Internal; for proof.lua.
--
-- It could when the log of another message of the sender, to the same address, carries that one's
-- id. When no such message is known, the flow must have written a log before, since with log level
-- NONE it writes none; and none of those that it wrote in that time may be this message's: there is
-- none, or they carry ids that other messages got from iflow.

local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"

local FRESH = 3600     -- seconds for which a delivered message counts
local ADDRESSES_MAX = 64 -- of a sender that are remembered
local SKEW = 60        -- seconds that the clocks of this machine and the tenant may differ
local LOGS_MAX = 200   -- logs of the time of the call that are looked at
local ID_MAX = 120     -- characters of an id that a log keeps

local evidence = { SKEW = SKEW }

--- The id by which the logs of this message can be found; nil when there is none.
function evidence.id_of(sender, msg)
  return sender.options.message_id and type(msg.id) == "string" and #msg.id <= ID_MAX and msg.id
    or nil
end

-- Where the message goes, without the query: as it was called, else as the option says; nil when
-- that cannot be said of this message.
local function address_of(sender, msg)
  local to = msg.address or sender.options.to
  if type(to) == "function" then
    local ok, result = pcall(to, msg)
    if not ok and errors.is(result) and result.code == "task.canceled" then error(result, 0) end
    to = ok and result
  end
  if type(to) ~= "string" then return nil end
  local query = to:find "[?#]"
  return query and to:sub(1, query - 1) or to
end

local function known_of(sender, address)
  return sender.known_logs and sender.known_logs.list[address]
end

--- Remembers a message that was delivered; carried: whether its log is known to have its id.
function evidence.remember(sender, msg, message_id, carried)
  if not sender.options.api then return end -- there is no log to be asked
  local address = message_id and evidence.id_of(sender, msg) and address_of(sender, msg)
  if not address then return end
  local known, now = known_of(sender, address), clock.monotonic()
  if known and now - known.at < FRESH and (known.carried or not carried) then return end
  local logs = sender.known_logs
  if not logs or not known and logs.count >= ADDRESSES_MAX then
    logs = { list = {}, count = 0 }
    sender.known_logs = logs
  end
  if not logs.list[address] then logs.count = logs.count + 1 end
  logs.list[address] = { message_id = message_id, id = msg.id, at = now, carried = carried }
end

--- Whether a delivered message is remembered for where this one goes.
function evidence.has(sender, msg)
  local address = address_of(sender, msg)
  return address ~= nil and known_of(sender, address) ~= nil
end

local function carried_before(log, known)
  local entry, err = log:find(known.message_id)
  if err then return false, tostring(err) end
  known.carried = entry ~= nil and entry.application_id == known.id
  if known.carried then return true end
  return false, entry and "the log of an earlier message does not carry its id"
    or "there is no log of an earlier message that was delivered"
end

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-[78]%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function is_uuid(id) return id ~= nil and id:find(UUID) ~= nil end

-- Whether no log of the list may be that of the message, though without its id. With an id of the
-- kind that iflow gives (a UUID of version 7 or 8), logs that carry another one belong to others.
local function none_is_ours(list, id)
  for _, entry in ipairs(list) do
    if not is_uuid(id) or not is_uuid(entry.application_id) then return false end
  end
  return true
end

-- Whether the flow's logs say that the message did not come to it: true, or false and why not.
local function told_by_flow(log, flow, msg, from, to)
  local list, err = log:between(from, to, LOGS_MAX, flow)
  if err then return false, tostring(err) end
  if #list == LOGS_MAX or not none_is_ours(list, msg.id) then
    return false, "it is not known yet whether the logs of this sender's messages carry their ids, "
      .. "and a log of that time may be this message's"
  elseif #list > 0 then
    return true
  end
  list, err = log:between(0, to, 1, flow)
  if err then return false, tostring(err) end
  if #list > 0 then return true end
  return false, "its flow has written no log at all yet"
end

--- Whether a log of the message, if there were one, would have been found: true, or false and why
-- not. began: when the call was made, seconds since 1970.
function evidence.is_conclusive(sender, log, msg, began)
  if sender.options.idempotent then return true end -- sending it twice does no harm
  local address = address_of(sender, msg)
  local known = address and known_of(sender, address)
  if known and known.carried then return true end
  if known then return carried_before(log, known) end
  local flow, err = nil, nil
  if address then flow, err = log:flow_at(address) end
  if not flow then
    return false, err and tostring(err) or "the tenant does not say which flow serves its address"
  end
  local now = core.task.now()
  return told_by_flow(log, flow, msg, (began or now) - SKEW, now + SKEW)
end

return evidence
