--- What a script defines by name: its senders. Internal. `iflow run` puts a fresh one in place
-- before it runs a script; a program that requires iflow has one for itself.

local registry = {}

--- A new, empty one.
function registry.new() return { senders = {}, names = {} } end

local current = registry.new()

function registry.current() return current end

--- Puts another one in place; returns the one before.
function registry.install(other)
  local before = current
  current = other
  return before
end

return registry
