--- The content of a service key, with the nesting and the fields of sap-reference 2.4. Pure.
local document = {}

--- "2026-05-04T08:15:30.123Z"
function document.timestamp(seconds)
  local whole = math.floor(seconds)
  local ms = math.floor((seconds - whole) * 1000)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%03dZ"):format(ms)
end

--- A name as SAP prints it: the most specific part first, no blanks.
function document.dn(subject)
  local parts = {}
  for i = #subject, 1, -1 do parts[#parts + 1] = subject[i][1] .. "=" .. subject[i][2] end
  return table.concat(parts, ",")
end

--- What the subject of a certificate made by SAP looks like (sap-reference 2.4).
function document.subject(id, group)
  return { { "C", "DE" }, { "O", "SAP SE" }, { "OU", "SAP Cloud Platform Clients" },
           { "OU", group }, { "L", "sap-uaa" }, { "CN", id } }
end

--- fields: client_id, url, tokenurl, created, and by type client_secret, or certificate with key,
--- or certificate alone; details { issuer, subject, valid_until, serial } of the certificate, and
--- details_place: "oauth", or "beside" that object.
function document.new(fields)
  local oauth = { clientid = fields.client_id, clientsecret = fields.client_secret,
                  certificate = fields.certificate, key = fields.key,
                  url = fields.url, tokenurl = fields.tokenurl,
                  createdate = document.timestamp(fields.created) }
  local whole = { oauth = oauth }
  local details = fields.details
  if details then
    local place = fields.details_place == "beside" and whole or oauth
    place.certificatedetails = {
      issuerdn = details.issuer, subjectdn = details.subject,
      validuntil = document.timestamp(details.valid_until), serialnumber = details.serial,
    }
  end
  return whole
end

return document
