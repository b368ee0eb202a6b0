--- /v3/jobs/GUID: how far what a request began has come.
local present = require "iflow.sandbox.cf.present"

local jobs = {}

function jobs.show(cf, guid)
  local job = cf.tenant.platform.jobs:get(guid)
  if not job then return cf:not_found "Job" end
  return cf:json(200, present.job(cf.tenant, job, cf.url))
end

return jobs
