--- Standard input: each line is a message.
--
--   iflow.stdin { sender = "orders" }              tail -F orders.jsonl | iflow serve orders.lua
--
-- `iflow serve` reads line by line; up to 64 lines are on their way into the outbox at once, and
-- when that is full it reads no further until there is room: then the program that writes has to
-- wait. A last line without a line feed counts, empty lines do not. At the end of the input the
-- service ends, when nothing else triggers it, after what the input brought has been delivered.
-- Options:
--   sender   name of the sender; or function(line) -> name, or iflow.reject("why")
--   run      instead of a sender: function(line), called for one line after the other
--   name     of the trigger, "stdin" by default
--
-- A line that a transform rejects becomes a dead letter in the outbox; one for which there is no
-- sender, or that is longer than 1 MiB, is only named in the log. Standard input cannot be read
-- again: lines that were read and not yet stored when the process is killed are lost, and so is an
-- unfinished line when it is stopped. Where that matters, write files (iflow.files).

local caller = require "iflow.caller"
local core = require "iflow.core"
local options = require "iflow.options"
local registry = require "iflow.registry"
local target = require "iflow.service.target"

local stdin = { __name = "iflow.stdin", kind = "stdin" }
stdin.__index = stdin

local known = {
  sender = { "string", "function" },
  run    = { "function" },
  name   = { "string", default = "stdin" },
}

--- Starts it for a service; see lua/iflow/service/stdin.lua.
function stdin:start(service) return require "iflow.service.stdin" (self, service) end

--- For a reload: there is one standard input, so what reads it goes on, for this definition.
function stdin:prepare(service)
  for _, entry in ipairs(service.triggers) do
    if entry.trigger.kind == "stdin" then
      local function commit()
        entry.running.trigger = self
        return entry.running
      end
      return { commit = commit, abort = function() end }
    end
  end
  local running, err = self:start(service)
  if not running then return nil, err end
  return { commit = function() return running end,
    abort = function() core.task.spawn(running.stop, running, 0) end }
end

function stdin:__tostring() return "iflow.stdin: " .. self.name end

-- There is one standard input, so one trigger for it.
local function check_only(level)
  for _, trigger in ipairs(registry.current().triggers) do
    if trigger.kind == "stdin" then
      error("standard input has a trigger already, at " .. trigger.place, level + 1)
    end
  end
end

--- Defines it: raises at that line when something is wrong. Returns it.
return function(given)
  local checked = options.check(given, known, 2)
  target.check(checked, 2)
  target.check_name(checked.name, 2)
  check_only(2)
  local self = setmetatable({ name = checked.name, options = checked, place = caller.place(2) },
    stdin)
  registry.add_trigger(self, 2)
  return self
end
