-- movements.flow.lua -- the integration flow of nightly.lua: takes a stock movement as JSON.
local json = require "iflow".json

local required = { "movement", "material", "plant", "quantity", "unit" }

return {
  name = "movements",
  address = "/movements",
  role = "ESBMessaging.send",
  allowed_headers = "SAP_ApplicationID",
  process = function(exchange)
    local movement, err = json.decode(exchange.body)
    if not movement then error("the message is no JSON: " .. err.message) end
    for _, name in ipairs(required) do
      if movement[name] == nil then
        return 422, { ["Content-Type"] = "text/plain" }, ("the movement has no '%s'"):format(name)
      end
    end
    return 200, {}, ""
  end,
}
