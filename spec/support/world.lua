-- world.lua -- the client against servers that nobody here wrote. Each behaviour is one function in
-- spec/support/world/{answers,connections,bodies}.lua; a spec file describes its server:
--   world.describe("nginx", {
--     start = function(root) return { ports = { main = 4711 }, helpers = { helper }, log = … } end,
--     can = { length = "/text", limit = "limited:/text", … },  -- behaviour = where it shows
--     cannot = { extensions = "it writes none" },              -- behaviour = why it never does
--     more = { ["no proxy there"] = function(peer) … end },    -- of this server alone
--   })
-- Every behaviour is in one of the two lists, unless `part` says that another spec has the others.
-- What is in `can` is a path of the main port, "port:/path", or what the behaviour says.
--   root: dir (process.tempdir) with www/{text,slow,big} and up/ (for uploads), text, server
--   { cert, key }, pem (both), cacert
local assert = require "luassert"
local async = require "spec.support.async"
local busted = require "busted" -- its functions are globals of spec files only
local core = require "iflow.core"
local json = require "iflow.json"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local size = require "spec.support.size"

local world = {}

world.BIG = size.of(64 << 20, 1 << 30)

local behaviours = {}
for _, topic in ipairs { "answers", "connections", "bodies" } do
  for _, behaviour in ipairs(require("spec.support.world." .. topic)) do
    behaviours[#behaviours + 1] = behaviour
  end
end

-- What a server serves ---------------------------------------------------------------------------

-- Servers that were started by root go on as somebody else: all may read, and write uploads.
local function open_to_all(dir)
  assert(os.execute(([[cd %s && chmod 755 . www cgi && chmod 777 . up && chmod 644 www/* *.pem &&
    chmod -R a+rX cgi]]):format(process.quote(dir.path))))
end

--- The directory with everything that a server may be asked for.
function world.root()
  local dir = process.tempdir()
  local file = process.quote(dir:file "www/big")
  assert(os.execute(("cd %s && mkdir www up cgi"):format(process.quote(dir.path))))
  assert(os.execute(("head -c %d /dev/urandom >%s"):format(world.BIG, file)))
  local lines = {}
  for i = 1, 5000 do lines[i] = ("Bestellung %d für Müller\n"):format(i) end
  local text = table.concat(lines)
  dir:write("www/text", text)
  dir:write("www/slow", text:sub(1, 6000))
  local ca = pki.authority(dir, "World Root")
  local server = ca:issue { name = "localhost", usage = "serverAuth", sans = "DNS:localhost" }
  dir:write("both.pem", process.read(server.cert) .. process.read(server.key))
  dir:write("users", "joe:" .. process.run({ "openssl", "passwd", "-apr1", "geheim" }).out)
  open_to_all(dir)
  return { dir = dir, text = text, server = server, cacert = ca.cert, pem = dir:file "both.pem" }
end

--- Writes the configuration spec/support/world/NAME with its $variables filled in; its path.
function world.configure(root, name, values)
  local known = { dir = root.dir.path, cert = root.server.cert, key = root.server.key,
                  pem = root.pem }
  local text = assert(process.read("spec/support/world/" .. name))
  return root.dir:write(name, (text:gsub("%$([%l]+)", function(word)
    return values[word] or known[word]
  end)))
end

--- Different free ports: world.ports { "main", "brief" }.
function world.ports(names)
  local ports, taken = {}, {}
  for _, name in ipairs(names) do
    repeat ports[name] = process.free_port() until not taken[ports[name]]
    taken[ports[name]] = true
  end
  return ports
end

--- Starts an origin that writes its ports as JSON: helper, ports.
function world.origin(root, program, script)
  local helper = process.start {
    program, "spec/support/world/" .. script, root.dir.path, root.server.cert, root.server.key,
  }
  local line = process.wait_for("the ports of " .. script, function()
    if not helper:alive() then error(script .. " ended: " .. helper:output(), 0) end
    return (helper.dir:read "out" or ""):match "^(.-)\n"
  end)
  return helper, assert(json.decode(line))
end

--- The Node origin alone; others stand in front of it.
function world.node(root) return world.origin(root, "node", "origin.js") end

-- The peer as the behaviours see it --------------------------------------------------------------

local peer = {}
peer.__index = peer

--- "/path" of the main port, or "port:/path".
function peer:url(where)
  local name, path = where:match "^(%w+):(.*)$"
  return ("https://localhost:%d%s"):format(assert(self.ports[name or "main"], where), path or where)
end

function peer:request(where, options)
  local o = { url = self:url(where), cacert = self.root.cacert, proxy = self.proxy or "",
              timeout = 20 }
  for key, value in pairs(options or {}) do o[key] = value end
  return core.http.request(o)
end

--- A request that must be answered.
function peer:get(where, options)
  local answer, err = self:request(where, options)
  if not answer then error(where .. ": " .. tostring(err), 2) end
  return answer
end

--- A function that tells how many connections were opened, and requests sent, since this call.
function peer.count()
  core.http.drop_idle()
  local before = core.http.stats()
  return function()
    local now = core.http.stats()
    return now.opened - before.opened, now.requests - before.requests
  end
end

--- A file in the server's directory for uploads, once it is there with so many bytes.
function peer:uploaded(name, bytes)
  return process.wait_for("the upload " .. name, function()
    local text = self.root.dir:read("up/" .. name)
    return text and #text == bytes and text
  end, 5)
end

--- How often the server's log names the text.
function peer:logged(text)
  return select(2, self.log():gsub(text:gsub("%p", "%%%0"), ""))
end

function peer:stop()
  for _, helper in ipairs(self.helpers) do helper:stop() end
  self.root.dir:close()
end

local function open(server)
  local root = world.root()
  local self = setmetatable(server.start(root), peer)
  self.root, self.text = root, root.text
  for _, helper in ipairs(self.helpers) do assert(helper:alive(), helper:output()) end
  return self
end

-- Specs ------------------------------------------------------------------------------------------

local function names_of(list)
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function judge_lists(server)
  local known, judged = {}, {}
  for _, behaviour in ipairs(behaviours) do known[behaviour.name] = true end
  for name in pairs(server.can) do judged[name] = true end
  for name, why in pairs(server.cannot or {}) do
    assert(type(why) == "string" and not judged[name], name)
    judged[name] = true
  end
  assert.same(names_of(known), names_of(judged))
end

--- Describes the server as above.
function world.describe(title, server)
  busted.describe(title, function()
    local self
    busted.setup(function() self = open(server) end)
    busted.teardown(function() if self then self:stop() end end)

    if not server.part then
      busted.it("is judged by every behaviour", function() judge_lists(server) end)
    end
    for _, behaviour in ipairs(behaviours) do
      local where = server.can[behaviour.name]
      if where then
        busted.it(behaviour.text, async(function() behaviour.run(self, where) end, { limit = 600 }))
      end
    end
    for text, run in pairs(server.more or {}) do
      busted.it(text, async(function() run(self) end))
    end
  end)
end

return world
