-- idocs.flow.lua -- the integration flow that scripts/senders/idocs.lua sends to: takes an IDoc of
-- type ORDERS05, refuses one without a partner, and leaves alone one that it has taken before.
local xml = require "iflow".xml

local taken = {}

return {
  name = "idocs",
  address = "/idocs",
  allowed_headers = "SAP_ApplicationID",
  process = function(exchange)
    local document, err = xml.decode(exchange.body)
    if not document then error("the message is no XML: " .. err.message) end
    local idoc = document.ORDERS05.IDOC
    if not idoc.E1EDKA1 then
      return 422, { ["Content-Type"] = "text/plain" }, "the IDoc has no partner (E1EDKA1)"
    end
    local number = idoc.EDI_DC40.DOCNUM
    if taken[number] then exchange:set_status("DISCARDED", "it came before") end
    taken[number] = true
    return 202, {}, ""
  end,
}
