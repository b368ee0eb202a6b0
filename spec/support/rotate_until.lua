-- rotate_until.lua -- run as a program: rotates a key and kills itself, as by SIGKILL, when a step
-- begins or has ended; a step that is done is not in the journal yet.
--   lua rotate_until.lua '{"cf": {…}, "rotate": {…}, "step": "switch", "state": "done"}'
local iflow = require "iflow"

local given = assert(iflow.json.decode(arg[1]))

iflow.run(function()
  local cf = assert(iflow.cf(given.cf))
  given.rotate.on_step = function(step)
    if step.step == given.step and step.state == given.state then os.execute "kill -9 $PPID" end
  end
  assert(cf:rotate_key(given.rotate))
end)
