-- customers.lua -- sends the customers of a legacy system, a file with fixed columns in CP1252, as
-- XML to the integration flow at /http/customers:
--   iflow run scripts/senders/customers.lua --sender customers \
--     --input scripts/senders/data/customers.txt
local iflow = require "iflow"
local transform = iflow.transform

local columns = {
  { "Number", 10 }, { "Name", 40 }, { "Street", 30 }, { "PostCode", 10 }, { "City", 20 },
  { "Country", 2 }, { "Credit", 12, type = "number", decimals = 2 }, { "Since", 8 },
}

iflow.sender "customers" {
  to        = "/http/customers",
  transform = {
    transform.charset { from = "CP1252" },
    transform.fixed_width { columns = columns },
    transform.map { convert = { Credit = function(credit) return ("%.2f"):format(credit) end } },
    transform.to_xml { root = "Customer",
      order = { "Number", "Name", "Street", "PostCode", "City", "Country", "Credit", "Since" } },
  },
  message_id = function(msg) return "customer-" .. msg.data.Number end,
}

-- A record as the legacy system writes it; name in CP1252.
local function record(number, name, credit)
  return ("%010d%-40s%-30s%-10s%-20sDE%-12s20240131\r\n"):format(number, name, "Am Wall 1", "28195",
    "Bremen", credit)
end

iflow.test("a customer arrives as XML in UTF-8", function(t)
  local flow = t:flow { address = "/customers", allowed_headers = "SAP_ApplicationID" }
  assert(iflow.sender "customers":send(record(104711, "M\xFCller & S\xF6hne \x80", "00000123450-")))
  local customer = iflow.xml.decode(flow.received[1].body).Customer
  t:equal("Müller & Söhne €", customer.Name)
  t:equal({ "0000104711", "-1234.50" }, { customer.Number, customer.Credit })
  t:equal("customer-0000104711", flow.received[1].headers["sap_applicationid"])
end)

iflow.test("a record that is damaged is named, the others arrive", function(t)
  local flow = t:flow { address = "/customers" }
  local input = record(1, "A", "00000000100") .. record(2, "B", "none") .. record(3, "C", "0")
  local _, err = iflow.sender "customers":send(input)
  t:equal("transform.invalid", err.code)
  t:matches("record 2", err.message)
  t:equal(2, #flow.received)
end)
