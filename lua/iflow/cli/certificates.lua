-- certificates.lua -- what the commands print about certificates, and for how long they are valid.
local array = require "iflow.core".json.array

local certificates = {}

local day = 24 * 3600

--- Seconds since 1970 as a text in UTC.
function certificates.time(epoch) return os.date("!%Y-%m-%d %H:%M:%S UTC", epoch) end

--- Whole days from now to an instant; negative when it is over.
function certificates.days_left(epoch) return (epoch - os.time()) // day end

local function duration(certificate)
  local now = os.time()
  if now < certificate.not_before then return "not valid yet" end
  local days = certificates.days_left(certificate.not_after)
  if days < 0 then return "EXPIRED" end
  return days == 1 and "1 day left" or days .. " days left"
end

--- "2026-05-04 08:15:30 UTC to … (364 days left)"
function certificates.validity(certificate)
  return ("%s to %s (%s)"):format(certificates.time(certificate.not_before),
    certificates.time(certificate.not_after), duration(certificate))
end

--- { title, text } rows about one certificate.
function certificates.rows(certificate)
  local rows = {
    { "subject", certificate.subject }, { "issuer", certificate.issuer },
    { "serial", certificate.serial }, { "valid", certificates.validity(certificate) },
    { "key", certificate.key },
  }
  local function list(title, values)
    if #values > 0 then rows[#rows + 1] = { title, table.concat(values, ", ") } end
  end
  list("usage", certificate.eku)
  list("names", certificate.sans)
  if certificate.ca then
    rows[#rows + 1] = { "authority", certificate.self_signed and "yes, a root" or "yes" }
  elseif certificate.self_signed then
    rows[#rows + 1] = { "self-signed", "yes" }
  end
  rows[#rows + 1] = { "SHA-256", certificate.sha256 }
  return rows
end

--- Prints rows with their texts in one column.
function certificates.print(out, rows, indent)
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, #row[1]) end
  for _, row in ipairs(rows) do
    out:print(("%s%-" .. width .. "s  %s"):format(indent, row[1], row[2]))
  end
end

local function tree_line(certificate, i, depth)
  local mark = depth == 0 and "" or ("   "):rep(depth - 1) .. "└─ "
  return ("%s%s (%d%s)"):format(mark, certificate.subject, i,
    certificate.self_signed and ", self-signed" or "")
end

--- Lines that show who issued whom: issuers first, what they issued indented below.
function certificates.tree(list)
  local children, lines, seen = {}, {}, {}
  for i, certificate in ipairs(list) do
    local above = certificate.issued_by or 0
    children[above] = children[above] or {}
    table.insert(children[above], i)
  end
  local function add(i, depth)
    if seen[i] then return end
    seen[i] = true
    lines[#lines + 1] = tree_line(list[i], i, depth)
    for _, below in ipairs(children[i] or {}) do add(below, depth + 1) end
  end
  for _, i in ipairs(children[0] or {}) do add(i, 0) end
  for i in ipairs(list) do add(i, 0) end -- two that issued each other
  return lines
end

--- Makes a certificate's table fit for JSON: empty lists are lists, and it says its days left.
function certificates.plain(certificate)
  certificate.sans, certificate.eku = array(certificate.sans), array(certificate.eku)
  certificate.days_left = certificates.days_left(certificate.not_after)
  return certificate
end

return certificates
