-- raw_client.lua -- runs a snippet of Python with sockets against a server of the test; see
-- raw_client.py for what the snippet finds. Inside iflow.run the loop goes on meanwhile.
--   local out = raw(port, [[print(statuses(ask(b"GET / HTTP/1.1\r\n…")))]])
local process = require "spec.support.process"

return function(port, snippet, options)
  local result = process.run { "python3", "spec/support/raw_client.py", tostring(port), snippet,
    timeout = options and options.timeout or 60 }
  if result.code ~= 0 then error("raw client: " .. result.err, 2) end
  return (result.out:gsub("\n$", ""))
end
