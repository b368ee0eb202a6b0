-- outbox_ask.lua -- asks whoever sits at the terminal before something happens that cannot be
-- undone; a script says --yes.
local core = require "iflow.core"
local errors = require "iflow.error"

-- Waits for a line on standard input; Ctrl-C ends it.
local function answer()
  local reader <close> = assert(core.file.reader "-")
  local line = reader:read(4096)
  return line and line:match "^%s*(.-)%s*$":lower() or ""
end

--- Whether it may go on: true, or nil, err. question: without its question mark.
return function(args, out, question)
  if args.yes then return true end
  if not (core.file.is_terminal(0) and core.file.is_terminal(2)) then
    return nil, errors { code = "usage.invalid",
      message = "nothing was done, since nobody answers: " .. question .. "?",
      hint = "where no person can be asked, say --yes when that is meant" }
  end
  io.stderr:write(out.name, ": ", question, "? [y/N] ")
  io.stderr:flush()
  local given = answer()
  if given == "y" or given == "yes" then return true end
  return nil, errors { code = "usage.invalid", message = "nothing was done",
    hint = "answer y to go on, or say --yes" }
end
