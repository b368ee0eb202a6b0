-- outbox.lua -- which outbox a command means, and how it gets at it: directly, or through the
-- service that holds it. For iflow serve, run and outbox.
local core = require "iflow.core"
local errors = require "iflow.error"
local boxes = require "iflow.outbox"

local outbox = {}

--- The row of --outbox (or IFLOW_OUTBOX).
outbox.option = { "--outbox", value = "FILE", help = "the outbox (default: outbox.db in "
  .. "$STATE_DIRECTORY, which systemd sets, or in the current directory)" }

--- The path that the parsed words mean.
function outbox.path(args)
  if args.outbox then return args.outbox end
  local state = (os.getenv "STATE_DIRECTORY" or ""):match "^[^:]+"
  return state and state .. "/outbox.db" or "outbox.db"
end

--- Opens the outbox of the parsed words, which must exist: a box as of iflow.outbox. The caller
-- closes it. nil, err: outbox.locked when another process holds it.
function outbox.open(args)
  local path = outbox.path(args)
  if not core.file.stat(path) then
    return nil, errors { code = "file.not_found",
      message = ("there is no outbox '%s'"):format(path),
      hint = "name it with --outbox or in the variable IFLOW_OUTBOX" }
  end
  return boxes.open { path = path }
end

return outbox
