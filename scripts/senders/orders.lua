-- orders.lua -- sends every order of a CSV file as JSON to the integration flow at /http/orders:
--   iflow run scripts/senders/orders.lua --sender orders --input scripts/senders/data/orders.csv
-- The service key is named by --service-key or IFLOW_SERVICE_KEY. Orders of one customer go one
-- after the other; the flow recognises an order that comes twice by its number.
local iflow = require "iflow"

local function order_of(msg)
  local order = msg.data
  for name, value in pairs(order) do
    if value == "" then order[name] = nil end
  end
  order.quantity, order.price = tonumber(order.quantity), tonumber(order.price)
  msg.id = order.order
  return msg
end

iflow.sender "orders" {
  to        = "/http/orders",
  transform = { iflow.transform.csv { header = true }, order_of, iflow.transform.to_json {} },
  order_by  = function(msg) return msg.data.customer end,
}

iflow.test("an order arrives as JSON, with its number as id", function(t)
  local flow = t:flow { address = "/orders", allowed_headers = "SAP_ApplicationID" }
  assert(iflow.sender "orders":send "order,customer,quantity,note\n4711,ACME,3,\n")
  t:equal({ order = "4711", customer = "ACME", quantity = 3 },
    iflow.json.decode(flow.received[1].body))
  t:equal("4711", flow.received[1].headers["sap_applicationid"])
end)

iflow.test("a tenant that is down for some seconds loses nothing", function(t)
  local flow = t:flow { address = "/orders" }
  t:fault "runtime:503@first=3"
  assert(iflow.sender "orders":send "order\n1\n2\n")
  t:equal(2, #flow.received)
end)
