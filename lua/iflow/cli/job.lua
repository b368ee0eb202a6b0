-- job.lua -- `iflow run SCRIPT --job NAME`: runs a job of the script once, now; finds jobs by name.
local duration = require "iflow.duration"
local errors = require "iflow.error"
local suggest = require "iflow.suggest"
local verdict = require "iflow.verdict"

local module = {}

--- The job of that name among those of the registry, or nil, err.
function module.find(registry, name)
  local names = {}
  for i, job in ipairs(registry.jobs) do
    if job.name == name then return job end
    names[i] = job.name
  end
  if #names == 0 then
    return nil, errors { code = "usage.invalid", message = "the script defines no job",
      hint = 'a job is defined by iflow.cron "name" { at = "30 2 * * *", run = function() … end }' }
  end
  return nil, errors { code = "usage.invalid", hint = "it defines: " .. table.concat(names, ", "),
    message = suggest.message(("the script defines no job '%s'"):format(name), name, names) }
end

-- What a job ended with as what a script returns. It may hand on what a sender answered.
local function as_result(job, first, ...)
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
  if math.type(first) == "integer" or not first then return first, ... end
  local summary = type(first) == "table" and type(first.exit_code) == "function"
  return summary and first:exit_code() or true
end

--- Runs it and waits: what a script could have returned. planned, missed: as in job:run.
function module.run(job, planned, missed)
  return as_result(job, job:run(planned, missed))
end

return module
