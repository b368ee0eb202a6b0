-- shipments.lua -- sends the shipments of a CSV file to two integration flows, one for each region:
--   iflow run scripts/senders/shipments.lua --sender shipments \
--     --input scripts/senders/data/shipments.csv
local iflow = require "iflow"
local transform = iflow.transform

local flows = { EMEA = "/http/shipments-emea", AMER = "/http/shipments-amer" }

iflow.sender "shipments" {
  to        = function(msg) return flows[msg.data.region] end,
  transform = {
    transform.csv {},
    transform.map { convert = { packages = "integer", weight_kg = "number" } },
    transform.validate { fields = { region = { required = true, enum = { "EMEA", "AMER" } } } },
    transform.to_json {},
  },
  message_id = function(msg) return msg.data.shipment end,
}

iflow.test("each shipment goes to the flow of its region", function(t)
  local emea, amer = t:flow { address = "/shipments-emea" }, t:flow { address = "/shipments-amer" }
  assert(iflow.sender "shipments":send
    "shipment,region,packages,weight_kg\n1,EMEA,2,7.5\n2,AMER,1,0.2\n3,EMEA,4,80\n")
  t:equal({ 2, 1 }, { #emea.received, #amer.received })
  t:equal({ shipment = "2", region = "AMER", packages = 1, weight_kg = 0.2 },
    iflow.json.decode(amer.received[1].body))
end)

iflow.test("a region that has no flow is refused", function(t)
  local flow = t:flow { address = "/shipments-emea" }
  local _, err = iflow.sender "shipments":send "shipment,region\n1,APAC\n2,EMEA\n"
  t:matches("region' is 'APAC'", err.message)
  t:equal(1, #flow.received)
end)
