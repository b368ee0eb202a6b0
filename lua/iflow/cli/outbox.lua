-- outbox.lua -- which outbox a command means, and how it gets at it: directly, or through the
-- service that holds it. For iflow serve, run and outbox.
local core = require "iflow.core"
local errors = require "iflow.error"
local lazy = require "iflow.lazy"

local boxes = lazy "iflow.outbox"
local client = lazy "iflow.service.client"

local outbox = {}

-- The service says how long delivered messages are known: a command that opens its file removes
-- none.
local KEPT, UNLIMITED = "36500d", 10000000000

--- The row of --outbox (or IFLOW_OUTBOX).
outbox.option = { "--outbox", value = "FILE", help = "the outbox (default: outbox.db in "
  .. "$STATE_DIRECTORY, which systemd sets, or in the current directory)" }

--- The path that the parsed words mean.
function outbox.path(args)
  if args.outbox then return args.outbox end
  local state = (os.getenv "STATE_DIRECTORY" or ""):match "^[^:]+"
  return state and state .. "/outbox.db" or "outbox.db"
end

--- Opens the outbox of the parsed words, which must exist: a box as of iflow.outbox, or, where a
-- service holds it, an object that asks that one (lua/iflow/service/client.lua): it has list, show,
-- requeue, drop, stats, counts and close. The caller closes it. nil, err: outbox.locked when
-- another process holds it.
function outbox.open(args)
  local path = outbox.path(args)
  if not core.file.stat(path) then
    return nil, errors { code = "file.not_found",
      message = ("there is no outbox '%s'"):format(path),
      hint = "name it with --outbox or in the variable IFLOW_OUTBOX" }
  end
  local asked = client.open(path)
  if asked then return asked end
  local box, err = boxes.open { path = path, retention = KEPT, max_messages = UNLIMITED }
  if box or err.code ~= "outbox.locked" then return box, err end
  asked = client.open(path) -- a service that began meanwhile
  return asked, not asked and err or nil
end

--- The exit code for what became of messages between two counts of an outbox.
function outbox.exit_code(before, counts)
  if counts.in_doubt > before.in_doubt then return 5 end
  if counts.rejected > before.rejected then return 1 end
  return counts.ready + counts.started > 0 and 4 or 0
end

return outbox
