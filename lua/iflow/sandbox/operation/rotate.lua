--- rotate([forced]) -> { kid, retired }. A new key signs tokens from now on; those of the old one
--- stay good for the setting rotation_grace, or end at once when it is forced.
return function(tenant, forced)
  return tenant.signers:rotate(not forced and tenant.settings.rotation_grace or nil)
end
