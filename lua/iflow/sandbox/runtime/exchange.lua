--- What process(exchange) of a flow sees of a message.
---   exchange.method, .path (behind the address), .query, .parameters, .headers (lower-case names;
---   which ones: runtime/headers.lua), .body, .sender (client id), .authenticated_by, .message_id,
---   .correlation_id
---   exchange:header("Name")   exchange:read() -> piece | nil   (flows with stream = true)
--- A flow may set .headers.sap_applicationid and its like: they name the run in the message log.
--- There it also writes:
---   exchange:set_status("RETRY" [, reason])      with what the log ends, instead of COMPLETED or,
---                                                when it raises, FAILED; all of mpl.STATUSES
---   exchange:add_custom_header(name, value)      a custom header property, to find the log by
---   exchange:add_adapter_attribute(name, value)  what an adapter notes
local headers = require "iflow.sandbox.runtime.headers"
local mpl = require "iflow.sandbox.mpl"
local web = require "iflow.sandbox.web"

local NOTES_MAX = 100  -- of a kind in one log
local VALUE_MAX = 200  -- characters SAP shows of such a value

local exchange = {}
exchange.__index = exchange

function exchange.new(tenant, request, entry)
  return setmetatable({
    method = request.method, path = request.rest, query = request.query,
    parameters = request.query ~= "" and web.form(request.query) or {},
    headers = headers.of(tenant, request),
    body = request.body, sender = request.caller.client_id,
    authenticated_by = request.caller.by, message_id = entry.id,
    correlation_id = entry.correlation_id,
    read_piece = request.read, left = request.flow.max_size,
    log = { adapter = request.flow.channel.protocol },
  }, exchange)
end

function exchange:set_status(status, reason)
  if mpl.STATUSES[status] == nil then
    error(("there is no status '%s' of a message processing log"):format(tostring(status)), 2)
  end
  self.log.status, self.log.reason = status, reason and tostring(reason)
end

local function add(list, note)
  if type(note.name) ~= "string" or note.name == "" then error("a name must be a text", 3) end
  if #list >= NOTES_MAX then error(("a log holds %d of these"):format(NOTES_MAX), 3) end
  note.name, note.value = note.name:sub(1, VALUE_MAX), tostring(note.value):sub(1, VALUE_MAX)
  list[#list + 1] = note
end

function exchange:add_custom_header(name, value)
  self.log.custom_headers = self.log.custom_headers or {}
  add(self.log.custom_headers, { name = name, value = value })
end

function exchange:add_adapter_attribute(name, value)
  self.log.adapter_attributes = self.log.adapter_attributes or {}
  add(self.log.adapter_attributes, { adapter = self.log.adapter, name = name, value = value })
end

function exchange:header(name) return self.headers[name:lower()] end

--- The next piece of the body, nil at its end. Raises when the sender broke off or sent too much,
--- so that the run fails.
function exchange:read()
  local piece, err = self.read_piece()
  if err then error(err, 0) end
  if piece then self.left = self.left - #piece end
  if self.left < 0 then
    error("Message body exceeds configured size limit", 0)
  end
  return piece
end

return exchange
