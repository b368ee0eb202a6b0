-- customers.flow.lua -- the integration flow that scripts/senders/customers.lua sends to: takes one
-- customer as XML, refuses one whose credit limit is below zero.
local xml = require "iflow".xml

return {
  name = "customers",
  address = "/customers",
  allowed_headers = "SAP_ApplicationID",
  process = function(exchange)
    local document, err = xml.decode(exchange.body)
    if not document then error("the message is no XML: " .. err.message) end
    local customer = document.Customer
    if tonumber(customer.Credit) < 0 then
      return 422, { ["Content-Type"] = "text/plain" },
        ("customer %s has a credit limit below zero"):format(customer.Number)
    end
    exchange:add_custom_header("country", customer.Country)
    return 202, {}, ""
  end,
}
