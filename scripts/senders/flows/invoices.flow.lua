-- invoices.flow.lua -- the integration flow that scripts/senders/invoices.lua sends to: takes one
-- invoice as JSON, and discards one whose id it has taken before (as an Idempotent Process Call).
local json = require "iflow".json

local taken = {}

return {
  name = "invoices",
  address = "/invoices",
  allowed_headers = "SAP_ApplicationID",
  process = function(exchange)
    local invoice, err = json.decode(exchange.body)
    if not invoice then error("the message is no JSON: " .. err.message) end
    local id = exchange:header "SAP_ApplicationID"
    if taken[id] then exchange:set_status("DISCARDED", "it came before") end
    taken[id] = true
    return 200, { ["Content-Type"] = "application/json" }, json.encode { number = invoice.number }
  end,
}
