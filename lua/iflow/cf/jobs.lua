--- Sees through what the Cloud Foundry API began: polls the job of a 202, or where it names none
--- the last_operation of the resource, until it has ended. For lua/iflow/cf.lua.
local core = require "iflow.core"
local errors = require "iflow.error"
local refusal = require "iflow.cf.refusal"

local jobs = {}

local FIRST, FACTOR, MOST = 0.1, 1.5, 5 -- seconds between two looks
local TIMEOUT = 600                     -- seconds a job may take, unless the options say otherwise

local function unfinished(what, seconds)
  return nil, errors { code = "cf.unfinished",
    message = ("cannot tell whether the platform did %s: it has not ended after %g s"):format(
      what, seconds) }
end

-- Calls look() until it returns a state that is an end; look returns state, subject | nil, err.
-- A platform that does not answer for a while is asked on, until the time is over.
local function look_on(look, what, opts, tell)
  local timeout = opts.timeout or TIMEOUT
  local begun, wait = core.task.monotonic(), FIRST
  while true do
    local state, subject = look()
    if not state and not subject.retryable then return nil, subject end
    local elapsed = core.task.monotonic() - begun
    if state == "ended" then return subject end
    if elapsed >= timeout then return unfinished(what, timeout) end
    tell(state or "NO ANSWER", elapsed)
    core.task.sleep(math.min(wait, timeout - elapsed))
    wait = math.min(wait * FACTOR, MOST)
  end
end

-- The same, with progress told; "ENDED" comes last, and only after others.
local function watch(look, what, opts)
  local told = false
  local subject, err = look_on(look, what, opts, function(state, elapsed)
    told = true
    if opts.progress then opts.progress { what = what, elapsed = elapsed, state = state } end
  end)
  if told and opts.progress then opts.progress { what = what, elapsed = 0, state = "ENDED" } end
  return subject, err
end

local ENDS = { COMPLETE = true, FAILED = true }

-- What the resource itself says of its last operation, for a job that says little.
local function description(connection, job, what)
  for name, link in pairs(type(job.links) == "table" and job.links or {}) do
    local path = name ~= "self" and type(link) == "table" and connection.path_of(link.href)
    local resource = path and connection:get(path, what)
    local last = resource and resource.last_operation
    if type(last) == "table" and type(last.description) == "string" then return last.description end
  end
end

local function warnings_of(job)
  local list = {}
  for _, one in ipairs(type(job.warnings) == "table" and job.warnings or {}) do
    if type(one) == "table" and type(one.detail) == "string" then
      list[#list + 1] = one.detail:gsub("%c+", " ")
    end
  end
  return list
end

local function follow_job(connection, path, what, opts)
  local job, err = watch(function()
    local one, why = connection:get(path, what)
    if not one then return nil, why end
    return ENDS[one.state] and "ended" or tostring(one.state), one
  end, what, opts)
  if not job then return nil, err end
  if job.state == "COMPLETE" then return warnings_of(job) end
  local known = not refusal.entry(job) and description(connection, job, what) or nil
  return nil, refusal.of_job(job, what, known)
end

local function follow_operation(connection, path, what, opts)
  local last, err = watch(function()
    local resource, why = connection:get(path, what)
    if not resource and why.code == "cf.not_found" then
      return "ended", { state = "succeeded" } -- a deletion
    elseif not resource then
      return nil, why
    end
    local operation = type(resource.last_operation) == "table" and resource.last_operation or {}
    local going = operation.state == "in progress" or operation.state == "initial"
    return going and operation.state:upper() or "ended", operation
  end, what, opts)
  if not last then return nil, err end
  if last.state ~= "failed" then return {} end
  return nil, refusal.of_job({}, what, last.description)
end

--- Waits for the end of what an answer began. what: as of connection:request; resource: the path of
--- what is made, changed or deleted, when it is known. opts: timeout (seconds), progress({ what,
--- elapsed, state }), called at each look that is not the last, and then once with "ENDED". Returns
--- the warnings of the platform, a list; or nil, err: cf.refused when it failed, cf.unfinished when
--- the time was over.
function jobs.finish(connection, answer, what, resource, opts)
  if answer.status ~= 202 then return {} end
  local path = connection.path_of(answer.headers.location)
  if path and path:find "^/v3/jobs/" then return follow_job(connection, path, what, opts) end
  if resource then return follow_operation(connection, resource, what, opts) end
  return nil, errors { code = "cf.bad_answer",
                       message = "the platform began a job, but does not say which" }
end

return jobs
