--- Loads a flow from Lua text: the file returns the table that flows.lua describes. Its globals are
--- strict, so that a misspelt name is an error with file and line, at deployment or in its run.
local errors = require "iflow.error"
local flows = require "iflow.sandbox.flows"
local strict = require "iflow.strict"

local flow_file = {}

local function bad(chunk, text)
  return nil, errors { code = "script.failed",
                       message = ("the flow '%s' cannot be deployed: %s"):format(chunk, text) }
end

--- source: the text; chunk: the name to show; defaults: as for flows.complete. Returns the
--- completed flow, or nil, err.
function flow_file.load(source, chunk, defaults)
  local run, why = load(source, "@" .. chunk, "t", strict.environment())
  if not run then return bad(chunk, why) end
  local ran, result = pcall(run)
  if not ran then return bad(chunk, tostring(result)) end
  if type(result) ~= "table" then return bad(chunk, "the file must return a table") end
  return flow_file.complete(result, chunk, defaults)
end

--- The same for a table that a test gives directly.
function flow_file.complete(given, chunk, defaults)
  local checked, flow, why = pcall(flows.complete, given, defaults)
  if not checked then return bad(chunk, tostring(flow)) end
  if not flow then return bad(chunk, why) end
  return flow
end

return flow_file
