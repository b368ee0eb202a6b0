-- outbox_held.lua -- the outbox of a command while it is open: a service cannot start meanwhile, so
-- it is closed as long as a person thinks.
local outboxes = require "iflow.cli.outbox"

local held = {}
held.__index = held

--- Closes the outbox, runs fn, and opens it again: what fn returned, or nil, err. With --yes nobody
-- is asked, and it stays open.
function held:without(fn)
  if self.args.yes then return fn() end
  self.box:close()
  local ok, err = fn()
  if not ok then return nil, err end
  local box
  box, err = outboxes.open(self.args)
  if not box then return nil, err end
  self.box = box
  return ok
end

function held:__close() self.box:close() end

--- The outbox of the words: { box = }, to be closed; or nil, err.
return function(args)
  local box, err = outboxes.open(args)
  if not box then return nil, err end
  return setmetatable({ args = args, box = box }, held)
end
