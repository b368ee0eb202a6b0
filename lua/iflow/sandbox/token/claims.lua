--- The claims of an access token (sap-reference 4.3). Pure.
local claims = {}

--- The scopes an instance owns: "<xsappname>.<role>" for each role, and uaa.resource.
function claims.scopes(xsappname, roles)
  local scopes = {}
  for i, role in ipairs(roles) do scopes[i] = xsappname .. "." .. role end
  scopes[#scopes + 1] = "uaa.resource"
  return scopes
end

--- Narrows owned scopes to the blank-separated names of wanted. nil and the first name not owned.
function claims.narrow(owned, wanted)
  local has, narrowed = {}, {}
  for _, scope in ipairs(owned) do has[scope] = true end
  for scope in wanted:gmatch("%S+") do
    if not has[scope] then return nil, scope end
    narrowed[#narrowed + 1] = scope
  end
  return #narrowed > 0 and narrowed or owned
end

--- The roles in the scopes of a token, as a set.
function claims.roles(xsappname, scopes)
  local roles, prefix = {}, xsappname .. "."
  for _, scope in ipairs(scopes) do
    if type(scope) == "string" and scope:sub(1, #prefix) == prefix then
      roles[scope:sub(#prefix + 1)] = true
    end
  end
  return roles
end

--- from: client_id, xsappname, scopes, validity, now (seconds), jti, rev_sig, issuer, subdomain,
--- subaccount_id, instance_guid.
function claims.new(from)
  local id, now = from.client_id, math.floor(from.now)
  return {
    jti = from.jti,
    ext_attr = { enhancer = "XSUAA", subaccountid = from.subaccount_id, zdn = from.subdomain,
                 serviceinstanceid = from.instance_guid },
    sub = id, client_id = id, cid = id, azp = id,
    authorities = from.scopes, scope = from.scopes,
    grant_type = "client_credentials", rev_sig = from.rev_sig,
    iat = now, exp = now + from.validity,
    iss = from.issuer, zid = from.subaccount_id,
    aud = { from.xsappname, "uaa", id },
  }
end

return claims
