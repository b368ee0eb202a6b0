-- fresh.lua -- for specs that define senders, jobs and triggers: each begins with a registry of its
-- own, with endpoints that nobody has paused (a port may come again, with what another spec's clock
-- said of it), and with a log that is kept in memory.
--   before_each(fresh.begin)
--   after_each(fresh.finish)
local core = require "iflow.core"
local destinations = require "iflow.sender.destination"
local registry = require "iflow.registry"

local fresh = {}

local before

function fresh.begin()
  before = registry.install(registry.new())
  destinations.reset()
  core.log.capture(true)
end

function fresh.finish()
  registry.install(before)
  core.log.capture(false)
end

return fresh
