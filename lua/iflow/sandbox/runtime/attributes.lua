--- What the message processing log takes from the headers of a message (sap-reference 5.2).
local core = require "iflow.core"
local headers = require "iflow.sandbox.runtime.headers"
local mpl = require "iflow.sandbox.mpl"

local attributes = {}

local LEVELS = { INFO = true, NONE = true, DEBUG = true, ERROR = true }

-- A header the framework reads itself; with the setting it must be among the allowed ones.
local function framework_header(tenant, request, name, setting)
  if tenant.settings[setting] and not headers.allowed(request.flow, name) then return nil end
  return request.headers[name]
end

local function pregenerated(tenant, request)
  local id = framework_header(tenant, request, "sap_pregeneratedmplid", "pregenerated_id_filtered")
  if not id then return nil end
  local bytes = core.crypto.unbase64(id)
  return (mpl.created(id) or bytes and #bytes == 16) and id or nil
end

local function log_level(tenant, request)
  local level = framework_header(tenant, request, "sap_messageprocessingloglevel",
                                 "log_level_filtered")
  level = level and level:upper()
  return LEVELS[level] and level or "INFO"
end

local function valid_id(id) return id and mpl.created(id) and id or nil end

--- The fields with which a run begins.
function attributes.at_start(tenant, request)
  return {
    flow = request.flow.name, sender = request.caller.client_id, method = request.method,
    size = request.body and #request.body,
    id = pregenerated(tenant, request), log_level = log_level(tenant, request),
    correlation_id = valid_id(request.headers.sap_mplcorrelationid),
    predecessor_id = valid_id(request.headers.sap_messageprocessinglogid),
  }
end

local AT_END = { { "application_id", "sap_applicationid", 120 },
                 { "application_type", "sap_messagetype", 100 },
                 { "sender_name", "sap_sender", 120 }, { "receiver_name", "sap_receiver", 120 },
                 { "custom_status", "sap_messageprocessinglogcustomstatus", 40 } }

--- What the flow was sent, if Allowed Headers let it through, or has set itself.
function attributes.at_end(entry, message)
  for _, field in ipairs(AT_END) do
    local value = message.headers[field[2]]
    if value ~= nil then entry[field[1]] = tostring(value):sub(1, field[3]) end
  end
  entry.custom_headers = message.log.custom_headers
  entry.adapter_attributes = message.log.adapter_attributes
end

return attributes
