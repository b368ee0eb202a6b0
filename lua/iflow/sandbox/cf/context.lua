--- One request to the Cloud Foundry API, for the resources in cf/resource: who sent it (user), and
--- how answers are made.
local core = require "iflow.core"
local failure = require "iflow.sandbox.cf.failure"
local included = require "iflow.sandbox.cf.included"
local message = require "iflow.sandbox.cf.message"
local page = require "iflow.sandbox.cf.page"

local context = {}
context.__index = context

local BUSY = 10 -- seconds after which to come again when there are too many jobs

function context.new(tenant, request, user)
  local self = setmetatable({ tenant = tenant, request = request, user = user }, context)
  self.url = function(path) return tenant.addresses:url "cf" .. path end
  return self
end

function context.json(_, status, value)
  return { status = status, headers = { ["Content-Type"] = "application/json; charset=utf-8" },
           body = assert(core.json.encode(value)) }
end

function context.fail(_, title, detail, headers) return failure.answer(title, detail, headers) end

function context.unprocessable(_, text) return failure.answer("UnprocessableEntity", text) end

function context.not_found(_, what)
  return failure.answer("ResourceNotFound", what .. " not found")
end

--- The body of the request, checked (message.complaints); or nil and an answer.
function context:body(shape)
  local body, refused = message.read(self.request)
  if not body then return nil, refused end
  local complaints = message.complaints(body, shape)
  if complaints[1] then return nil, self:unprocessable(table.concat(complaints, ", ")) end
  return body
end

-- An answer with what the query wants to be included. offers(list of resources): see included.of.
local function with_included(self, body, fields, offers, resources)
  local more, refused = included.of(fields, offers and offers(resources) or {})
  if more == false then return refused end
  body.included = more
  return self:json(200, body)
end

--- A page of the list at path. See page.of for filters, present and named; offers: what can be
--- included.
function context:page(path, list, opts)
  local known = included.known(opts.offers and opts.offers {})
  local fields, refused = page.check(self.request.query, opts.filters, known, true)
  if not fields then return refused end
  opts.fields, opts.url = fields, self.url(path)
  local one
  one, refused = page.of(self.user.reads and list or {}, opts)
  if not one then return refused end
  return with_included(self, one, fields, opts.offers, one.resources)
end

--- One resource. offers: what can be included.
function context:one(resource, offers)
  local known = included.known(offers and offers {})
  local fields, refused = page.check(self.request.query, {}, known)
  if not fields then return refused end
  return with_included(self, resource, fields, offers, { resource })
end

-- The setting that shows the broker's refusal in the answer: the job is done at once.
local function at_once(self, job, step)
  local jobs = self.tenant.platform.jobs
  jobs:finish(job)
  if job.state ~= "FAILED" then return nil end
  step.undo()
  jobs:remove(job)
  self.tenant.state:save()
  return self:unprocessable(job.errors[1].detail)
end

--- Begins a job and answers 202 with its address. step: operation, resource { type, guid },
--- parameters; change() marks the records, undo() takes that back.
function context:job(step)
  local jobs, job = self.tenant.platform.jobs, nil
  if not jobs:has_room() then
    step.undo() -- what was made ready before
    return self:fail("ServiceBrokerRateLimitExceeded", nil, { ["Retry-After"] = tostring(BUSY) })
  end
  local ok, err = self.tenant.state:change(
    function()
      step.change()
      job = jobs:add(step.operation, step.resource, step.parameters)
    end,
    function()
      jobs:remove(job)
      step.undo()
    end)
  if not ok then return self:fail("UnableToPerform", err.message) end
  if self.tenant.settings.cf_broker_refusal == "422" then
    local refused = at_once(self, job, step)
    if refused then return refused end
  else
    jobs:begin(job)
  end
  return { status = 202, headers = { Location = self.url("/v3/jobs/" .. job.guid) }, body = "" }
end

return context
