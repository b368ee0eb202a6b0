--- What a script defines: its senders, jobs and tests. Internal. `iflow run` puts a fresh one in
-- place before it runs a script; a program that requires iflow has one for itself.

local registry = {}

--- A new, empty one. args: what `--set` gave, the script's iflow.args.
function registry.new(args)
  return { senders = {}, names = {}, jobs = {}, tests = {}, args = args or {} }
end

local current = registry.new()

function registry.current() return current end

--- Puts another one in place; returns the one before.
function registry.install(other)
  local before = current
  current = other
  return before
end

return registry
