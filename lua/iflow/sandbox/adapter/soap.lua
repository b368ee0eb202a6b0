--- The SOAP 1.x sender adapter, /cxf/ADDRESS: the flow gets what is inside the body of the
--- envelope, and what it answers goes into an envelope of the same version. Errors are SOAP faults
--- with 500. A flow with one_way = "standard" answers 202 and never an error, with "robust" 202 or
--- a fault.
local adapters = require "iflow.sandbox.adapters"
local envelope = require "iflow.sandbox.envelope"

local soap = { prefix = "/cxf", protocol = "SOAP", csrf = false, open_below = true,
               methods = { POST = true }, allow = "POST" }

function soap.check_address(address) return adapters.check_path(address, "~%-.") end

local function answer(status, version, body)
  return { status = status, headers = { ["Content-Type"] = envelope.content_type(version) },
           body = body }
end

local function fault(version, who, text)
  return answer(500, version, envelope.fault(version, who, text))
end

function soap.unwrap(request)
  local version = envelope.version_of(request.headers["content-type"])
  if not version then
    return nil, fault("1.1", "sender", "Content-Type must be text/xml or application/soap+xml")
  end
  local read, why = envelope.read(request.body)
  if not read then return nil, fault(version, "sender", why) end
  if read.version ~= version then
    return nil, fault(version, "sender", "A SOAP " .. read.version .. " message is not allowed "
      .. "with that Content-Type")
  end
  request.soap_version = version
  return read.payload
end

function soap.wrap(request, given, flow)
  if flow.one_way then return { status = 202, headers = given.headers, body = "" } end
  if type(given.body) ~= "string" then return given end
  if given.status == 204 then given.status = 200 end
  given.body = envelope.write(request.soap_version, given.body)
  given.headers["Content-Type"] = envelope.content_type(request.soap_version)
  return given
end

function soap.failure(request, text, flow)
  if flow.one_way == "standard" then return { status = 202, headers = {}, body = "" } end
  return fault(request.soap_version, "receiver", text)
end

return soap
