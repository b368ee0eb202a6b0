--- What the functions that a script calls say about the line that called them. Internal.

local core = require "iflow.core"

local caller = {}

--- "orders.lua:12", the line `level` above the caller.
function caller.place(level)
  local info = debug.getinfo(level + 1, "Sl")
  return info and ("%s:%d"):format(info.short_src, info.currentline) or "?"
end

--- Raises, `level` above the caller, when there is no task that could wait. name: of the function.
function caller.check_waits(name, level)
  if core.task.current() then return end
  error(("'%s' waits, so it must be called inside iflow.run: iflow.run(function() … end)")
    :format(name), level + 1)
end

return caller
