--- delete_instance(name) -> true. Its keys go with it; tokens that were issued for them live on.
return function(tenant, name) return tenant.broker:delete_instance(name) end
