--- What became of the messages of a run: counts, words, the exit code of DESIGN section 7.
-- Internal.

local clock = require "iflow.clock"
local errors = require "iflow.error"
local tally = require "iflow.sender.tally"

local summary = tally "iflow.summary"

--- All counts are 0. delivered, rejected, in_doubt, retryable (left to retry): what became of the
-- messages; skipped: left out by a transform; retried: repetitions; refused: of those that failed,
-- how many by refused credentials; seconds: how long it took, at finish.
local function new()
  return setmetatable({ delivered = 0, rejected = 0, in_doubt = 0, retryable = 0, skipped = 0,
    retried = 0, refused = 0, started = clock.monotonic() }, summary)
end

--- Counts the outcome of a message: "delivered", or of its error.
function summary:count(answer, err)
  local outcome = answer and "delivered" or err.outcome or "rejected"
  self[outcome] = self[outcome] + 1
  if err and errors.exit_code(err) == 3 then self.refused = self.refused + 1 end
  if answer and answer.message_id then
    self.first_id = self.first_id or answer.message_id
    self.last_id = answer.message_id
  end
  return outcome
end

--- How many came to an end.
function summary:total()
  return self.delivered + self.rejected + self.in_doubt + self.retryable
end

--- 3 when credentials were refused and nothing could be sent, else that of the worst that is left.
function summary:exit_code()
  if self.delivered + self.in_doubt == 0 and (self.refused > 0 or self.stopped and
    errors.exit_code(self.stopped) == 3) then return 3 end
  if self.in_doubt > 0 then return 5 end
  if self.rejected > 0 then return 1 end
  if self.retryable > 0 then return 4 end
  return self.stopped and errors.exit_code(self.stopped) or 0
end

--- The counts for --json.
function summary:values()
  return { sent = self:total(), delivered = self.delivered, rejected = self.rejected,
    in_doubt = self.in_doubt, left_to_retry = self.retryable, skipped = self.skipped,
    retried = self.retried, seconds = self.seconds, rate = self:rate(),
    first_message_id = self.first_id, last_message_id = self.last_id }
end

--- One line for people.
function summary:__tostring()
  local text = ("%d delivered, %d rejected, %d in doubt, %d left to retry; %d retried"):format(
    self.delivered, self.rejected, self.in_doubt, self.retryable, self.retried)
  if self.skipped > 0 then text = text .. (", %d left out"):format(self.skipped) end
  return ("%s; %.1f a second"):format(text, self:rate())
end

return new
