--- clear_faults([number]) -> how many. Ends one fault, or all.
return function(tenant, number) return tenant.faults:clear(number) end
