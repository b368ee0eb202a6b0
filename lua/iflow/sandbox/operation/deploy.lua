--- deploy(path | flow table | { source, file }) -> { name, address, path }. A flow that came as
--- text is kept in DIR/flows and is there again after a restart.
local core = require "iflow.core"
local errors = require "iflow.error"
local flow_file = require "iflow.sandbox.flow_file"

local SOURCE_MAX = 4 * 1024 * 1024

local function read(given)
  if type(given) == "table" and given.source then return given.source, given.file or "flow" end
  local text, err = core.file.read(given, SOURCE_MAX)
  if not text then return nil, err end
  return text, given:match("[^/]+$")
end

local function keep(tenant, name, source)
  local dir = tenant.dir .. "/flows"
  local ok, err = core.file.mkdir(dir, "0700")
  if ok then ok, err = core.file.write(("%s/%s.lua"):format(dir, name), source, "0600") end
  return ok, err
end

return function(tenant, given)
  local flow, err, source, file
  if type(given) == "table" and given.process then
    flow, err = flow_file.complete(given, tostring(given.name), tenant.settings)
  else
    source, file = read(given)
    if not source then return nil, file end
    flow, err = flow_file.load(source, file, tenant.settings)
  end
  if not flow then return nil, err end
  local ok, why = tenant.flows:deploy(flow, tenant.now())
  if not ok then return nil, errors { code = "sandbox.refused", message = why } end
  ok, err = tenant.artifacts:keep(flow.name, given, source)
  if ok and source then ok, err = keep(tenant, flow.name, source) end
  if not ok then return nil, err end
  return { name = flow.name, address = flow.address, path = flow.path }
end
