--- create_instance{ name, plan, roles, token_validity, grant_types } -> its description
return function(tenant, given) return tenant.broker:create_instance(given) end
