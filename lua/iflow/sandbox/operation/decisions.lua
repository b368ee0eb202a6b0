--- decisions([after[, seconds]]) -> { events, last, closed }. What was asked of the tenant and
--- which rule decided: the events after that number, or the last ones that are kept. With seconds
--- it waits that long for the first. Each: { number, time, seconds, host, method, path, status,
--- rule, client_id, flow, message_id }; one without status was cut off.
local core = require "iflow.core"
local errors = require "iflow.error"
local json = core.json

local WAIT_MAX = 60
local LOOK_AGAIN = 0.5 -- seconds; a refused handshake wakes nobody

local function wait(tenant, after, seconds)
  local log, deadline = tenant.decisions, core.task.monotonic() + seconds
  repeat
    tenant.hosts:note_refusals()
    local left = deadline - core.task.monotonic()
    if left > 0 then log:wait(after, math.min(left, LOOK_AGAIN)) end
  until log.last > after or log.closed or left <= 0
end

return function(tenant, after, seconds)
  after = after or 0
  if math.type(after) ~= "integer" or type(seconds or 0) ~= "number" or (seconds or 0) > WAIT_MAX
  then
    return nil, errors { code = "usage.invalid",
      message = ("decisions takes a number and up to %d seconds"):format(WAIT_MAX) }
  end
  local log = tenant.decisions
  wait(tenant, after, seconds or 0)
  return { events = json.array(log:since(after)), last = log.last, closed = log.closed or false }
end
