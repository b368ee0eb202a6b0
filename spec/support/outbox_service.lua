-- outbox_service.lua -- a service over an outbox in a directory of its own, and a box that fails
-- when a spec wants it to. Inside a task; goes with its scope.
--   local running <close> = outbox_service.open { outbox_options = { … } }   -- of what is defined
--   running.service, running.box, running:row(sender, id), running:wait(sender, id, state)
local core = require "iflow.core"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"
local services = require "iflow.service"

local outbox_service = {}

local class = {}
class.__index = class

-- A box whose methods are asked from `faults` first: { method = function(real, ...) }.
local function faulty(box, faults)
  return setmetatable({}, { __index = function(_, name)
    local real = box[name]
    if not faults[name] then return real and function(_, ...) return real(box, ...) end end
    return function(_, ...)
      return faults[name](function(...) return real(box, ...) end, ...)
    end
  end })
end

--- opts: path (in a directory that stays), outbox_options, faults = { method = function(real, …) },
-- start = "pumps" (default), "all" or false.
function outbox_service.open(opts)
  opts = opts or {}
  local self = setmetatable({ dir = not opts.path and process.tempdir() or nil }, class)
  local options = { path = opts.path or self.dir:file "box.db" }
  for name, value in pairs(opts.outbox_options or {}) do options[name] = value end
  self.path, self.box = options.path, assert(outbox.open(options))
  self.service = assert(services.new { outbox = faulty(self.box, opts.faults or {}) })
  if opts.start == "all" then
    assert(self.service:start())
  elseif opts.start ~= false then
    self.service:start_pumps()
  end
  return self
end

--- The message of that id, nil when there is none.
function class:row(sender, id)
  local list = assert(self.box:list { sender = sender, id = id, limit = 1 })
  return list[1]
end

--- Waits until it is in that state; the message.
function class:wait(sender, id, state)
  return process.wait_for(("message %s to be %s"):format(id, state), function()
    local row = self:row(sender, id)
    return row and row.state == state and row
  end)
end

--- With its history.
function class:shown(sender, id) return self.box:show(self:row(sender, id).number) end

function class:stop(grace)
  self.service:stop(grace or 0)
  self.box:close()
end

function class:__close()
  self:stop(0)
  if self.dir then self.dir:close() end
end

--- Messages that were logged since log.capture(true), as one text.
function outbox_service.logged() return core.log.captured and core.log.captured() or "" end

return outbox_service
