-- shipments-amer.flow.lua -- one of the two integration flows that scripts/senders/shipments.lua
-- sends to: takes a shipment of region AMER as JSON.
local json = require "iflow".json

return {
  name = "shipments-amer",
  address = "/shipments-amer",
  allowed_headers = "SAP_ApplicationID",
  process = function(exchange)
    local shipment, err = json.decode(exchange.body)
    if not shipment then error("the message is no JSON: " .. err.message) end
    if shipment.region ~= "AMER" then
      return 422, { ["Content-Type"] = "text/plain" }, "this shipment is for another region"
    end
    return 202, {}, ""
  end,
}
