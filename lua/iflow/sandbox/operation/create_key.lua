--- create_key{ instance, name, type, validity, key_length, x509, pin } -> the document a user
--- downloads
return function(tenant, given) return tenant.broker:create_key(given) end
