--- fault("token:429@10%") -> { number, fault, requests, happened, seed }. Turns a fault on
--- (fault_text.lua has the grammar); it lasts until clear_faults, its until= or a restart.
return function(tenant, text)
  if type(text) ~= "string" then error("a fault is a text: HOST:FAULT[=VALUE][@CONDITION,…]", 0) end
  return tenant.faults:add(text)
end
