--- create_instance{ name, plan, roles, token_validity, grant_types, redirect_uris } -> its
--- description
return function(tenant, given) return tenant.broker:create_instance(given) end
