-- log_words.lua -- what the statuses of message processing logs mean (sap-reference 7.3), and what
-- an id tells; for the commands of `iflow tenant`.
local mpl = require "iflow.sandbox.mpl"
local words = require "iflow.cli.outbox_words"

local log_words = {}

local meanings = {
  COMPLETED = "delivered",
  PROCESSING = "is running, an aggregation possibly for days",
  RETRY = "failed, and is tried again by the flow",
  ESCALATED = "failed, no retry; a synchronous sender got the error",
  FAILED = "failed, nothing was delivered, no more retries",
  CANCELLED = "removed by hand from a queue",
  DISCARDED = "a second start of a scheduled flow",
  ABANDONED = "interrupted, and may resume",
}

--- The statuses that SAP documents.
log_words.STATUSES = { "PROCESSING", "COMPLETED", "FAILED", "RETRY", "ESCALATED", "CANCELLED",
  "DISCARDED", "ABANDONED" }

--- "FAILED (failed, nothing was delivered, no more retries)"; nil for none.
function log_words.status(status)
  if not status then return nil end
  local meaning = meanings[status]
  return words.line(status) .. (meaning and (" (%s)"):format(meaning) or "")
end

--- The second in which an id was made, as its first bytes tell (sap-reference 5.4); nil when they
-- tell nothing. An id is opaque, so this is good for advice only.
log_words.made = mpl.created

return log_words
