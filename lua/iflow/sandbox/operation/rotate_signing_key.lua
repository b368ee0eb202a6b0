--- rotate_signing_key() -> true. A forced rotation: every token issued so far is refused at once.
return function(tenant)
  local rotated, err = tenant.signers:rotate()
  return rotated and true, err
end
