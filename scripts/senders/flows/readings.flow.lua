-- readings.flow.lua -- the integration flow that scripts/senders/readings.lua sends to: takes a
-- batch of readings as JSON and answers how many there were.
local json = require "iflow".json

return {
  name = "readings",
  address = "/readings",
  process = function(exchange)
    local batch, err = json.decode(exchange.body)
    if not batch then error("the message is no JSON: " .. err.message) end
    exchange:add_custom_header("readings", #batch.readings)
    return 200, { ["Content-Type"] = "application/json" }, json.encode { taken = #batch.readings }
  end,
}
