--- A time limit around any function that waits.
--
--   local answer, err = iflow.timeout("30s", function(...) … end, ...)
--
-- Runs the function in a task of its own and waits for it: its results, or nil, err with the code
-- "task.timeout" when the time is over; then the function is cancelled, and has cleaned up before
-- iflow.timeout returns. An error raised in the function is raised here.

local guarded = require "iflow.guarded"
local make_error = require "iflow.error"
local spawn = require("iflow.core").task.spawn

return function(duration, fn, ...)
  if type(fn) ~= "function" then error("iflow.timeout takes a duration and a function", 2) end
  local child <close> = spawn(guarded.call, fn, ...)
  local done = child:join(duration)
  if done then return guarded.results(done) end
  child:cancel()
  done = child:join()
  if done and not guarded.was_canceled(done) then return guarded.results(done) end
  local text = "the function did not end within " .. duration
  if type(duration) == "number" then text = text .. " s" end
  return nil, make_error { code = "task.timeout", message = text }
end
