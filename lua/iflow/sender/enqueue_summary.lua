--- What became of the messages that sender:enqueue_all took. Internal; progress.lua shows it, too.

local clock = require "iflow.clock"
local tally = require "iflow.sender.tally"

local summary = tally "iflow.summary"

--- accepted: stored; known: the sender had them already; rejected: dead letters; skipped: left out
-- by a transform; seconds: how long it took, at finish.
local function new()
  return setmetatable({ accepted = 0, known = 0, rejected = 0, skipped = 0,
    started = clock.monotonic() }, summary)
end

--- How many are in the outbox now.
function summary:total() return self.accepted + self.known + self.rejected end

--- One line for people.
function summary:__tostring()
  local text = ("%d accepted, %d known already, %d rejected"):format(self.accepted, self.known,
    self.rejected)
  if self.skipped > 0 then text = text .. (", %d left out"):format(self.skipped) end
  return ("%s; %.1f a second"):format(text, self:rate())
end

return new
