--- A dead letter of a transform that is tried again: it goes through the transforms from the step
-- that refused it. Internal; for attempt.lua.
--
-- One message that comes out takes its place, with its id. Several are stored as messages of their
-- own, with the ids ID/1, ID/2, …, which makes repeating this harmless.

local errors = require "iflow.error"
local new_enqueuing = require "iflow.sender.enqueuing"
local transform = require "iflow.transform"

local LATER = 30 -- seconds, when the outbox does not take what came out

local function through(sender, msg, step)
  local items = {}
  local pipeline = transform.pipeline(sender.options.transform,
    function(out) items[#items + 1] = { msg = out } end,
    function(out, err, at)
      err.outcome = "rejected"
      items[#items + 1] = { msg = out, err = err, at = at }
    end)
  pipeline:push(msg, step)
  pipeline:finish()
  return items
end

local function store_all(pump, id, items)
  local run <close> = new_enqueuing(pump.sender, pump.service, {})
  for i, item in ipairs(items) do
    item.msg = item.msg:with { id = ("%s/%d"):format(id, i) }
    run:add(item)
  end
  local ok, err = run:finish()
  if ok then return { outcome = "delivered", count = #items } end
  err.outcome = "retryable"
  return nil, err, LATER
end

--- answer: nothing is left to be sent; or nil, err (and the wait until it is tried again); or
-- nothing: flight.msg is to be delivered.
return function(pump, flight)
  local row = flight.row
  if row.about.lost then
    local err = errors { code = "transform.invalid", message = flight.msg:where()
      .. " cannot be sent again, it is not stored as it was: " .. row.about.lost }
    err.outcome = "rejected"
    return nil, err
  end
  local items = through(pump.sender, flight.msg, row.about.step)
  if #items == 0 then return { outcome = "delivered", count = 0 } end
  if #items > 1 then return store_all(pump, row.id, items) end
  if items[1].err then return nil, items[1].err end
  flight.msg = items[1].msg:with { id = row.id }
end
