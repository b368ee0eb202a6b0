-- program.lua -- how to start this program again, for a command that goes on behind its user.
local core = require "iflow.core"

local program = {}

--- The words that come before a command: of the interpreter that runs it as a script. nil: the
-- program is a binary.
program.words = nil

--- The words for a command ({ "sandbox", "start" }), the program before them; or nil, err.
function program.line(command)
  local line = program.words and table.move(program.words, 1, #program.words, 1, {})
  if not line then
    local path, err = core.process.executable()
    if not path then return nil, err end
    line = { path }
  end
  return table.move(command, 1, #command, #line + 1, line)
end

return program
