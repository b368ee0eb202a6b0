--- What process(exchange) of a flow sees of a message.
---   exchange.method, .path (behind the address), .query, .parameters, .headers (lower-case names;
---   which ones: runtime/headers.lua), .body, .sender (client id), .authenticated_by, .message_id,
---   .correlation_id
---   exchange:header("Name")   exchange:read() -> piece | nil   (flows with stream = true)
--- A flow may set .headers.sap_applicationid and its like: they name the run in the message log.
local headers = require "iflow.sandbox.runtime.headers"
local web = require "iflow.sandbox.web"

local exchange = {}
exchange.__index = exchange

function exchange.new(tenant, request, entry)
  return setmetatable({
    method = request.method, path = request.rest, query = request.query,
    parameters = web.form(request.query) or {}, headers = headers.of(tenant, request),
    body = request.body, sender = request.caller.client_id,
    authenticated_by = request.caller.by, message_id = entry.id,
    correlation_id = entry.correlation_id,
    read_piece = request.read, left = request.flow.max_size,
  }, exchange)
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
