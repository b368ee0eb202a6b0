--- What a job ended with. Internal; for `iflow run --job` and for the service.

local duration = require "iflow.duration"
local errors = require "iflow.error"
local verdict = require "iflow.verdict"

--- What a script could have returned: true, an exit code, false, or nil, err. first, second: what
-- the job's function returned, so that it may hand on what a sender answered. With an exit code
-- comes the summary of send_all it is of, if it is of one. An error has the code job.rejected,
-- job.retry_after (then err.retry_after, in seconds), or its own.
return function(job, first, second)
  local word = verdict.of(first)
  if word == "done" then return true end
  if word == "reject" then
    return nil, errors { code = "job.rejected",
      message = ("the job '%s': %s"):format(job.name, first.reason) }
  elseif word == "retry_after" then
    return nil, errors { code = "job.retry_after", retry_after = first.wait,
      message = ("the job '%s' asks to be run again after %s"):format(job.name,
        duration.text(first.wait)) }
  end
  if math.type(first) == "integer" or not first then return first, second end
  local is_summary = type(first) == "table" and type(first.exit_code) == "function"
  if is_summary then return first:exit_code(), first end
  return true
end
