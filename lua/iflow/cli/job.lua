-- job.lua -- `iflow run SCRIPT --job NAME`: runs a job of the script once, now; finds jobs by name.
local errors = require "iflow.error"
local result_of = require "iflow.schedule.result"
local suggest = require "iflow.suggest"

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

--- Runs it and waits: what a script could have returned. planned, missed: as in job:run.
function module.run(job, planned, missed)
  return result_of(job, job:run(planned, missed))
end

return module
