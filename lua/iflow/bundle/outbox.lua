--- What a bundle says of an outbox: how many messages of each sender are in which state, and the
-- last failures without bodies, headers and keys. Internal; for lua/iflow/bundle.lua.

local clock = require "iflow.clock"
local core = require "iflow.core"
local selection = require "iflow.cli.outbox_selection"

local json = core.json

local outbox = {}

local MANY = 100         -- failures that are shown
local LOOKED_AT = 100000 -- messages among which they are looked for

local FIELDS = { "number", "id", "sender", "state", "created", "changed", "not_before", "attempts",
  "status", "code", "error", "message_id", "size" }

local function failure(msg)
  local shown = {}
  for _, name in ipairs(FIELDS) do shown[name] = msg[name] end
  return shown
end

-- The youngest of those that failed: rejected, in doubt, or to be tried again.
local function failures(box)
  local found = {}
  local filter = { state = { "rejected", "in_doubt", "ready" }, at = clock.now() }
  for page in selection.pages(box, filter, { limit = LOOKED_AT }) do
    for _, msg in ipairs(page) do
      if msg.code then found[#found + 1] = failure(msg) end
    end
    table.sort(found, function(a, b) return a.changed > b.changed end)
    for i = #found, MANY + 1, -1 do found[i] = nil end
  end
  return json.array(found)
end

--- Of an open outbox, as a table.
function outbox.state(box)
  local stats = json.array(assert(box:stats()))
  for _, stat in ipairs(stats) do stat.ages = json.array(stat.ages) end
  return { counts = assert(box:counts()), senders = stats, failures = failures(box) }
end

return outbox
