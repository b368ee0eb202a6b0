-- outbox_held.lua -- the outbox of a command while it is open: a service cannot start meanwhile, so
-- it is closed as long as a person thinks.
local core = require "iflow.core"
local outboxes = require "iflow.cli.outbox"
local words = require "iflow.cli.outbox_words"

local MANY = 5000 -- messages that take a while

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

--- Tells a person at a terminal how far it is; all of it: the line goes.
function held.progress(done, total)
  if total < MANY or not core.file.is_terminal(2) then return end
  io.stderr:write("\r\27[K", done < total
    and ("%s of %s"):format(words.number(done), words.messages(total)) or "")
  io.stderr:flush()
end

function held:__close() self.box:close() end

--- The outbox of the words: { box = }, to be closed; or nil, err.
return function(args)
  local box, err = outboxes.open(args)
  if not box then return nil, err end
  return setmetatable({ args = args, box = box }, held)
end
