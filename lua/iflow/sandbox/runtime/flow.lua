--- Step 8: runs the flow and writes its message processing log. A flow that raises gives 500 with
--- the text of the platform, which is spelled like that (sap-reference 5.5), or with the text of
--- the exception when the flow says return_exception.
local core = require "iflow.core"
local attributes = require "iflow.sandbox.runtime.attributes"
local exchange = require "iflow.sandbox.runtime.exchange"
local web = require "iflow.sandbox.web"

local FAILED = "An internal server error occured: The MPL ID for the failed message is : %s\n"
  .. "For more details please check tail log."

-- What process(exchange) returned, as an answer; raises when it makes no sense.
local function to_answer(status, headers, body)
  status = status or ((body == nil or body == "") and 204 or 200)
  if math.type(status) ~= "integer" or status < 200 or status > 599 then
    error(("the flow returned the status %s; a number from 200 to 599 is expected"):format(
      tostring(status)), 0)
  end
  if headers ~= nil and type(headers) ~= "table" then
    error("the flow's headers are no table", 0)
  end
  if body ~= nil and type(body) ~= "string" and type(body) ~= "function" then
    error("the flow's body is neither a string nor a function that returns pieces", 0)
  end
  local copy = {}
  for name, value in pairs(headers or {}) do copy[name] = value end
  return { status = status, headers = copy, body = body or "" }
end

local function add_ids(answer, entry)
  local present = {}
  for name in pairs(answer.headers) do present[tostring(name):lower()] = true end
  for name, value in pairs { SAP_MessageProcessingLogID = entry.id,
                             SAP_MplCorrelationId = entry.correlation_id } do
    if not present[name:lower()] then answer.headers[name] = value end
  end
end

local function reason_of(raised)
  if type(raised) == "table" and raised.code == "task.canceled" then error(raised, 0) end
  return tostring(raised)
end

-- What the sender gets of a flow that raised; its channel may have a form of its own for it.
local function failure(request, entry, reason)
  local flow = request.flow
  core.log.write("info", "sandbox", ("flow '%s' failed: %s"):format(flow.name, reason))
  local text = flow.return_exception and reason or FAILED:format(entry.id)
  local answer = flow.channel.failure and flow.channel.failure(request, text, flow)
    or web.text(500, text)
  return web.because(answer, "flow: '%s' raised, its log is %s: %s", flow.name, entry.status,
                     reason)
end

return function(tenant, request)
  local flow = request.flow
  tenant.counters:flow(flow.name)
  local entry = tenant.log:open(attributes.at_start(tenant, request))
  request.message_id = entry.id
  local message = exchange.new(tenant, request, entry)
  local ran, result = pcall(function() return to_answer(flow.process(message)) end)
  attributes.at_end(entry, message)
  local log = message.log
  if not ran then
    local reason = reason_of(result)
    tenant.log:finish(entry, log.status or "FAILED", 500, log.reason or reason)
    return failure(request, entry, reason)
  end
  add_ids(result, entry)
  if flow.channel.wrap then result = flow.channel.wrap(request, result, flow) end
  tenant.log:finish(entry, log.status or "COMPLETED", result.status, log.reason)
  return web.because(result, "flow: '%s' ran, its log is %s", flow.name, entry.status)
end
