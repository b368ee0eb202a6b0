--- counters() -> what was counted so far (counters.lua), and what the listeners saw, by host
return function(tenant)
  local all = tenant.counters:snapshot()
  all.listeners = tenant.hosts:stats()
  return all
end
