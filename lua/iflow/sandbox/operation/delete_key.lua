--- delete_key(instance, name) -> true. Tokens that were issued for it live on.
return function(tenant, instance, name) return tenant.broker:delete_key(instance, name) end
