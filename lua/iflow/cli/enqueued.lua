-- enqueued.lua -- what `iflow run` does with messages that its script enqueues: an outbox that is
-- opened for the first of them, pumps that deliver meanwhile, and in the end a wait until they are
-- through. What is left then stays in the outbox; the exit code tells.
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local lazy = require "iflow.lazy"
local outboxes = require "iflow.cli.outbox"

local boxes = lazy "iflow.outbox"
local services = lazy "iflow.service"

local GRACE = 30 -- seconds for calls that are under way when the time to drain is over

local enqueued = {}
enqueued.__index = enqueued

--- Of several exit codes the one that tells most; one that a script made up counts more than ours.
local rank = { [0] = 0, [4] = 1, [1] = 2, [5] = 3, [3] = 4 }

local function worse(a, b)
  return (rank[b] or 5) > (rank[a] or 5) and b or a
end

local function open(self)
  local box, err = boxes.open { path = self.path }
  if not box then return nil, err end
  self.before, err = box:counts()
  if not self.before then return nil, err end
  self.box = box
  self.service = services.new { outbox = box, registry = self.defined }
  self.service:start_pumps()
  return self.service
end

-- Delivers what it can and ends the pumps: counts, and why nothing went any more; nil, err.
local function deliver(self)
  local service = self.service
  self.service = nil
  local _, stuck = service:drain(self.limit)
  service:stop(GRACE)
  local counts, err = self.box:counts()
  self.box:close()
  if not counts then return nil, err end
  return counts, stuck
end

-- The exit code for what became of the messages since the outbox was opened.
local function exit_code(before, counts, stuck)
  local left = counts.ready + counts.started
  if left > 0 and stuck then return errors.exit_code(stuck) end
  return outboxes.exit_code(before, counts)
end

-- What is left of the messages, on standard error.
local function tell(self, out, counts, stuck)
  self.told = true
  local parts = {}
  local function part(number, text)
    if number > 0 then parts[#parts + 1] = ("%d %s"):format(number, text) end
  end
  local left = counts.ready + counts.started
  part(left, "not delivered yet")
  part(counts.in_doubt, "in doubt")
  part(counts.rejected, "rejected")
  if #parts == 0 then return end
  if left > 0 and stuck then out:note(("%s: %s"):format(out.name, tostring(stuck))) end
  out:note(("%s: in the outbox %s: %s; see them with: iflow outbox list --outbox %s"):format(
    out.name, self.path, table.concat(parts, ", "), self.path))
end

--- Ends it: the exit code of the run, whose own was `code`; or nil, err.
function enqueued:finish(out, code, err)
  if not self.service then return code, err end
  local counts, why = deliver(self)
  if not counts then
    self.failed = true
    return nil, err or why
  end
  tell(self, out, counts, why)
  if err then return nil, err end
  return worse(code or 0, exit_code(self.before, counts, why))
end

-- When an error ends the script: what it had enqueued is delivered all the same, by a task that the
-- run waits for. A signal ends that, too.
function enqueued:__close(err)
  if not self.box or self.told or self.failed then return end
  if errors.is(err) and err.code == "task.canceled" then
    return self.out:note(("%s: interrupted; what is not delivered stays in the outbox %s"):format(
      self.out.name, self.path))
  end
  if not self.service then return end
  core.task.spawn(function()
    local counts, why = deliver(self)
    if counts then tell(self, self.out, counts, why) end
  end)
end

--- For the registry of a script; to be closed. args: outbox, drain.
return function(args, out, defined)
  local self = setmetatable({ path = outboxes.path(args), limit = duration.seconds(args.drain),
    out = out, defined = defined }, enqueued)
  function defined.make_service() return open(self) end
  return self
end
