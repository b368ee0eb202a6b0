--- rotate_signing_key() -> true. A forced rotation: every token issued so far is refused at once.
return function(tenant) return tenant.authority:rotate_signer() end
