--- The roles of instances as token server and worker see them: a change is seen after the setting
--- role_cache (seconds), as on a tenant, where it takes up to an hour.
local role_cache = {}
role_cache.__index = role_cache

--- deps: now() -> seconds, settings.
function role_cache.new(deps)
  return setmetatable({ now = deps.now, settings = deps.settings,
                        seen = setmetatable({}, { __mode = "k" }) }, role_cache)
end

--- The list of role names that counts for an instance now.
function role_cache:of(instance)
  local now, known = self.now(), self.seen[instance]
  if not known or now - known.at >= self.settings.role_cache then
    known = { at = now, roles = table.move(instance.roles, 1, #instance.roles, 1, {}) }
    self.seen[instance] = known
  end
  return known.roles
end

return role_cache
