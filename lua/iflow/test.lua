--- Tests of a script, next to its senders: run by `iflow test SCRIPT`, ignored by `iflow run`.
--
--   iflow.test("an order arrives as JSON", function(t)
--     local flow = t:flow { address = "/orders" }
--     assert(iflow.sender "orders":send "4711,2\n")
--     t:equal({ "4711" }, { iflow.json.decode(flow.received[1].body).order })
--   end)
--
-- Each test has a fresh copy of the script, an empty sandbox tenant that all its senders go to,
-- whatever they name, and a clock on which the waits of retries, rates and pauses cost no time.
-- Messages that are enqueued go to an outbox of the test; t:drained() waits for their ends.
-- What t can do: lua/iflow/test/context.lua.

local registry = require "iflow.registry"

return function(name, fn)
  if type(name) ~= "string" or name == "" or type(fn) ~= "function" then
    error("iflow.test takes a name and a function: iflow.test(\"name\", function(t) … end)", 2)
  end
  local tests = registry.current().tests
  local info = debug.getinfo(fn, "S")
  tests[#tests + 1] = { name = name, fn = fn, file = info.short_src, line = info.linedefined }
end
