-- totals.flow.lua -- the integration flow of nightly.lua: takes the totals of a day as JSON.
local json = require "iflow".json

return {
  name = "totals",
  address = "/movements/totals",
  role = "ESBMessaging.send",
  allowed_headers = "SAP_ApplicationID",
  process = function(exchange)
    local totals, err = json.decode(exchange.body)
    if not totals then error("the message is no JSON: " .. err.message) end
    return 200, { ["Content-Type"] = "text/plain" },
      ("%d records of %s"):format(totals.records, totals.day)
  end,
}
