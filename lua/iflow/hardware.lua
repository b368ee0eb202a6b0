--- Names of keys and certificates in hardware: PKCS#11 URIs (RFC 7512), such as
-- "pkcs11:token=orders;object=sender?pin-source=file:/etc/iflow/pin". Internal; what opens them is
-- src/auth/hardware.c.

local hardware = {}

--- Whether a name is that of something in hardware instead of a file.
function hardware.is_named(name)
  return type(name) == "string" and name:sub(1, 7):lower() == "pkcs11:"
end

--- A word of a command line: itself; or nil and what is wrong with it.
function hardware.check(word)
  if hardware.is_named(word) and word:find("pin-value", 1, true) then
    return nil, "shows the PIN on the command line; write it into a file and give --pass-file, or "
      .. "?pin-source=file:PATH at the end of the URI"
  end
  return word
end

return hardware
