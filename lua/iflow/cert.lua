--- Certificates: what files say, whether SAP would accept one, what a server shows, new key pairs.
--
--   local cert = require "iflow.cert"
--   local report, err = cert.check { cert = "sender.pem", key = "sender.key" }
--
--   read(path [, { passphrase =, key = path }])   parse(bytes [, { … }])
--   verify(chain, roots [, { at =, purpose = }])  reach(chain [, { known =, directory = }])
--   der(pem)   zip{ { name =, data = } … }        the C core's (src/bind/cert*.c)
--   check{ … }     lua/iflow/cert/check.lua: the rules of SAP for a client certificate
--   fetch{ … }     lua/iflow/cert/fetch.lua: the chain of a server; inside iflow.run
--   request{ type = "rsa"|"ec", bits =, subject = text | { { "CN", "x" } … }, sans = {…},
--            passphrase = secret }
--                  a key pair and its signing request: { key_pem = secret (PKCS#8), request_pem };
--                  or nil, err (usage.invalid, limit.exceeded)
--   authorities{ … }  lua/iflow/cert/authorities.lua: the roots a chain leads to, in SAP's lists
local core = require "iflow.core"
local errors = require "iflow.error"
local suggest = require "iflow.suggest"

local cert = {}

-- Key pairs --------------------------------------------------------------------------------------

local sizes = { rsa = { [2048] = true, [3072] = true, [4096] = true },
                ec = { [256] = true, [384] = true } }

local function usage(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

--- "CN=orders, O=Example" or "/O=Example/CN=orders" as { { "CN", "orders" } … }; a separator in a
-- value stands behind a backslash. Returns nil, err for something else.
function cert.subject(text)
  local slashes = text:sub(1, 1) == "/"
  local separator = slashes and "/" or ","
  local plain = (slashes and text:sub(2) or text):gsub("\\(.)", function(c)
    return ("\1%02x"):format(c:byte())
  end)
  local fields = {}
  for part in (plain .. separator):gmatch("(.-)%" .. separator) do
    local name, value = part:match "^%s*([%w.]+)%s*=%s*(.-)%s*$"
    if not name or value == "" then
      return usage(("'%s' is no subject"):format(text),
        "write it as CN=orders, O=Example, C=DE; a comma in a value as \\,")
    end
    fields[#fields + 1] = { name, (value:gsub("\1(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
    end)) }
  end
  return fields
end

local function check_size(kind, bits)
  if (sizes[kind] or {})[bits] then return true end
  return usage(("a key pair of type %s with %s bits is not possible"):format(kind, bits),
    "rsa with 2048, 3072 or 4096 bits; ec with 256 or 384")
end

function cert.request(options)
  suggest.check_keys(options, { "type", "bits", "subject", "sans", "passphrase" })
  local kind = options.type or "rsa"
  local bits = options.bits or (kind == "ec" and 256 or 2048)
  local ok, err = check_size(kind, bits)
  if not ok then return nil, err end
  local subject = options.subject
  if type(subject) == "string" then subject, err = cert.subject(subject) end
  if not subject then
    return nil, err or errors { code = "usage.invalid", message = "a request needs a subject" }
  end
  local pair, request, key
  pair, err = core.authority.keypair { type = kind, bits = bits }
  if not pair then return nil, err end
  request, err = pair:request { subject = subject, sans = options.sans }
  if not request then return nil, err end
  key, err = pair:private_secret(options.passphrase)
  if not key then return nil, err end
  return { key_pem = key, request_pem = request }
end

-- The rest ---------------------------------------------------------------------------------------

local parts = { check = "iflow.cert.check", fetch = "iflow.cert.fetch",
                authorities = "iflow.cert.authorities" }

return setmetatable(cert, {
  __index = function(self, name)
    local value = parts[name] and require(parts[name]) or core.cert[name]
    if value ~= nil then rawset(self, name, value) end
    return value
  end,
})
