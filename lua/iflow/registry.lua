--- What a script defines: its senders, jobs and tests. Internal. `iflow run` puts a fresh one in
-- place before it runs a script; a program that requires iflow has one for itself.

local core = require "iflow.core"

local registry = {}

--- A new, empty one. args: what `--set` gave, the script's iflow.args.
-- service: the running service, into whose outbox sender:enqueue puts messages; make_service, a
-- function -> service | nil, err: opens one when the first message is to be enqueued.
function registry.new(args)
  return { senders = {}, names = {}, jobs = {}, job_of = {}, tests = {}, triggers = {},
    args = args or {} }
end

local current = registry.new()

-- A task that runs scripts again while what they have defined before is in force.
local loading

function registry.current()
  if loading and core.task.current() == loading.task then return loading.registry end
  return current
end

--- Runs fn(…), for which `other` is the current one, and for nobody else meanwhile.
function registry.with(other, fn, ...)
  local before = loading
  loading = { task = core.task.current(), registry = other }
  local _ <close> = setmetatable({}, { __close = function() loading = before end })
  return fn(...)
end

-- What was current when a task began, for those that may outlast it.
local begun = setmetatable({}, { __mode = "k" })

--- What is current now is for that task, too, when another one has taken its place.
function registry.keep_for(task) begun[task] = current end

--- What was current when this task began, when it is so no more; else nil.
function registry.former()
  local former = begun[core.task.current()]
  return former ~= current and former or nil
end

--- Puts another one in place; returns the one before.
function registry.install(other)
  local before = current
  current = other
  return before
end

--- Adds what a script defines to be started by a service: { kind =, name =, place =, options =,
-- start = function(self, service) -> running | nil, err }. Names are unique for a kind; level: as
-- in error.
function registry.add_trigger(trigger, level)
  local triggers = registry.current().triggers
  for _, other in ipairs(triggers) do
    if other.kind == trigger.kind and other.name == trigger.name then
      error(("iflow.%s '%s' is defined twice; first at %s"):format(trigger.kind, trigger.name,
        other.place), level + 1)
    end
  end
  table.insert(triggers, trigger)
end

return registry
