--- What the jobs of a script have in common: iflow.cron and iflow.every are two kinds of them.
-- Internal.
--
--   return new_kind("cron", check)      a function: name -> the job of that name
--
-- A job has name, kind ("cron", "every"), place (the line that defines it), options (checked) and
-- schedule (for due.lua); all jobs of a script are in registry.current().jobs, each name once, and
-- by their names in job_of.

local caller = require "iflow.caller"
local clock = require "iflow.clock"
local registry = require "iflow.registry"
local suggest = require "iflow.suggest"

local job = {}
job.__index = job

local function find(name) return registry.current().job_of[name] end

--- Defines it: iflow.cron "name" { … }. Raises at that line when something is wrong.
function job:__call(options)
  local before = find(self.name)
  if before then
    error(("job '%s' is defined twice; first at %s"):format(self.name, before.place), 2)
  end
  self.options = self.check(self.name, options, 2)
  self.schedule = self.options.schedule
  self.place = caller.place(2)
  local defined = registry.current()
  table.insert(defined.jobs, self)
  defined.job_of[self.name] = self
  return self
end

--- Runs it now and waits: iflow.cron "name":run() returns what its function returned.
-- planned: the time it stands for, now by default; missed: it is made up for; attempt: 1 by
-- default, more when it asked to be run again.
function job:run(planned, missed, attempt)
  if getmetatable(self) ~= job then error("use a colon: job:run()", 2) end
  if not self.options then
    local names = {}
    for i, known in ipairs(registry.current().jobs) do names[i] = known.name end
    error(suggest.message(("no job '%s' is defined"):format(self.name), self.name, names), 2)
  end
  return self.options.run { name = self.name, planned = planned or math.floor(clock.now()),
    missed = missed or false, attempt = attempt or 1 }
end

function job:__tostring() return ("iflow.%s: %s"):format(self.kind, self.name) end

--- check(name, options, level) -> the checked options with `schedule` in them; raises at `level`.
return function(kind, check)
  return function(name)
    if type(name) ~= "string" or not name:match "^[%w][%w%._%-]*$" or #name > 64 then
      error("a job's name has letters, digits, '.', '_' and '-', 64 at most", 2)
    end
    return find(name) or setmetatable({ name = name, kind = kind, check = check }, job)
  end
end
