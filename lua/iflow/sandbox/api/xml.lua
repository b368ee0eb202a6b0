--- Pieces of XML for the OData API. Pure.
local xml = {}

xml.METADATA = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
xml.DATA = "http://schemas.microsoft.com/ado/2007/08/dataservices"
xml.ATOM = "http://www.w3.org/2005/Atom"
xml.APP = "http://www.w3.org/2007/app"

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
                   ["'"] = "&#39;" }

--- Text and attribute values; what XML cannot hold becomes "?".
function xml.escape(text)
  text = tostring(text):gsub("[%z\1-\8\11\12\14-\31\127]", "?"):gsub("[&<>\"']", ENTITIES)
  return utf8.len(text) and text or (text:gsub("[\x80-\xff]", "?"))
end

--- "2026-05-04T08:00:00.123"
function xml.date(seconds)
  local ms = math.floor(seconds * 1000 + 0.5)
  return os.date("!%Y-%m-%dT%H:%M:%S", ms // 1000) .. (".%03d"):format(ms % 1000)
end

return xml
