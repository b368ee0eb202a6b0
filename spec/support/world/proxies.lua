-- proxies.lua -- real proxies, each as two: one that is open to all, and one that wants joe's
-- password "geheim" and gives nobody a tunnel to the port `forbidden` of the origin's ports.
--   local proxy = proxies.squid(root, ports, "raw")
--   { helpers =, open = url, asking = "host:port", scheme = "http", refuses = true }
local process = require "spec.support.process"
local tinyproxy = require "spec.support.tinyproxy"
local world = require "spec.support.world"

local proxies = {}

local function address(port) return "127.0.0.1:" .. port end

function proxies.squid(root, ports, forbidden)
  local own = world.ports { "open", "asking" }
  local conf = world.configure(root, "squid.conf", {
    open = own.open, asking = own.asking, forbidden = ports[forbidden],
  })
  local helper = process.start { "squid", "-N", "-f", conf }
  process.wait_port(own.asking, helper)
  return { helpers = { helper }, scheme = "http", refuses = true,
           open = "http://" .. address(own.open), asking = address(own.asking) }
end

--- It can only be told which port it allows: the main one.
function proxies.tinyproxy(_, ports)
  local open = tinyproxy.start { dir = process.tempdir() }
  local asking = tinyproxy.start { dir = process.tempdir(), auth = { "joe", "geheim" },
                                   connect_port = ports.main }
  return { helpers = { open, asking }, scheme = "http", refuses = true, open = open.url,
           asking = address(asking.port) }
end

--- It allows every port.
function proxies.microsocks()
  local own = world.ports { "open", "asking" }
  local function start(port, ...)
    local helper = process.start { "microsocks", "-i", "127.0.0.1", "-p", tostring(port), ... }
    process.wait_port(port, helper)
    return helper
  end
  return {
    helpers = { start(own.open), start(own.asking, "-u", "joe", "-P", "geheim") },
    scheme = "socks5h", open = "socks5h://" .. address(own.open), asking = address(own.asking),
  }
end

return proxies
