-- orders.flow.lua -- the integration flow that scripts/demo deploys into the sandbox: takes one
-- order as JSON, answers with a confirmation, and refuses an order that lacks what it must have.
local json = require "iflow".json

local required = { "order", "customer", "material", "quantity", "unit", "requested" }

local function confirmation(order)
  return json.encode { order = order.order, status = "accepted", requested = order.requested }
end

return {
  name = "orders",
  address = "/orders",
  role = "ESBMessaging.send",
  csrf = true,
  max_size = 1024 * 1024,
  process = function(exchange)
    local order, err = json.decode(exchange.body)
    if not order then error("the message is no JSON: " .. err.message) end
    for _, name in ipairs(required) do
      if order[name] == nil then
        return 422, { ["Content-Type"] = "text/plain" }, ("the order has no '%s'"):format(name)
      end
    end
    return 200, { ["Content-Type"] = "application/json" }, confirmation(order)
  end,
}
