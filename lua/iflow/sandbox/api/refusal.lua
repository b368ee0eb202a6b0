--- Errors of the OData API (sap-reference 7.4): JSON for who asks for JSON, in one of the spellings
--- that are seen (setting api_errors), else OData's XML.
local web = require "iflow.sandbox.web"
local xml = require "iflow.sandbox.api.xml"

local TITLES = {
  [400] = "Bad Request", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
  [406] = "Not Acceptable", [413] = "Request Entity Too Large", [429] = "Too Many Requests",
  [500] = "Internal Server Error", [501] = "Not Implemented",
}

local XML = [[<?xml version="1.0" encoding="utf-8"?><error xmlns="%s"><code>%s</code>]]
  .. [[<message xml:lang="en">%s</message></error>]]

local function as_json(tenant, status, text)
  if tenant.settings.api_errors == "bare" then
    return web.json(status, { code = TITLES[status],
                              message = { ["@lang"] = "en", ["#text"] = text } })
  end
  return web.json(status, { error = { code = TITLES[status],
                                      message = { lang = "en", value = text } } })
end

--- wants_json: whether the client asked for it. text, …: what is wrong, which is the rule, too.
return function(tenant, wants_json, status, text, ...)
  text = text:format(...)
  local answer
  if wants_json and tenant.settings.api_errors ~= "xml" then
    answer = as_json(tenant, status, text)
  else
    answer = web.text(status, XML:format(xml.METADATA, TITLES[status], xml.escape(text)),
                      { ["Content-Type"] = "application/xml;charset=utf-8" })
  end
  return web.because(answer, "api: %s", text)
end
