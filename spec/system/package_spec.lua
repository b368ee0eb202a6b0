-- The Debian package of the build: made from what is built, installed by dpkg below a directory of
-- its own (with the packages of this machine as its dependencies), started and stopped as its unit
-- says, upgraded, removed and purged. No init system is needed.
local async = require "spec.support.async"
local core = require "iflow.core"
local installed = require "spec.support.installed"
local notify = require "spec.support.notify"
local process = require "spec.support.process"
local serve = require "spec.support.serve"
local size = require "spec.support.size"

local succeeds = installed.succeeds

local SCRIPT = serve.SENDER .. [[
iflow.every "tick" { interval = "1s", run = function()
  return iflow.sender "orders":enqueue "one"
end }
]]

-- dpkg below a directory. Where we are not root we are it in a name space of our own.
local dpkg = {}
dpkg.__index = dpkg

local function as_root()
  return process.run({ "id", "-u" }).out == "0\n" and {} or { "unshare", "--map-root-user" }
end

function dpkg:run(...)
  local command = as_root()
  for _, word in ipairs { "dpkg", "--root=" .. self.root, "--force-script-chrootless",
    "--force-unsafe-io", "--log=/dev/null", ... } do
    command[#command + 1] = word
  end
  return process.run(command)
end

function dpkg:succeeds(...)
  local result = self:run(...)
  assert.equal(0, result.code, result.out .. result.err)
end

function dpkg:status()
  return process.run({ "dpkg-query", "--admindir=" .. self.root .. "/var/lib/dpkg", "-W", "-f",
    "${db:Status-Status}", "iflow" }).out
end

-- What the database knows: those of the packages that the machine has, with nothing of their files.
local function write_database(root, packages)
  local command = { "dpkg-query", "-W", "-f", "Package: ${Package}\nStatus: ${Status}\n"
    .. "Architecture: ${Architecture}\nVersion: ${Version}\nMaintainer: x\nDescription: x\n\n" }
  table.move(packages, 1, #packages, #command + 1, command)
  local known = process.run(command).out
  for _, name in ipairs { "info", "updates", "triggers" } do
    succeeds { "mkdir", "-p", root .. "/var/lib/dpkg/" .. name }
  end
  process.write(root .. "/var/lib/dpkg/status", known)
  for name in known:gmatch "Package: (%S+)" do
    process.write(("%s/var/lib/dpkg/info/%s.list"):format(root, name), "")
  end
end

local function names_of(depends)
  local names = {}
  for name in (depends .. ", "):gmatch "([%w.+-]+)[^,]*, " do names[#names + 1] = name end
  return names
end

-- The program of the unit, as systemd starts it: as a user without rights, with the directories and
-- credentials that it makes.
local function start(place, root, socket)
  local etc = root .. "/etc/iflow/"
  local unit = installed.unit(root .. "/usr/lib/systemd/system/iflow@.service", "orders", {
    { "/etc/iflow/", etc }, { "/usr/bin/iflow", root .. "/usr/bin/iflow" },
    { "/var/cache/", root .. "/var/cache/" } })
  local owner = 61184 -- the first of systemd's dynamic users
  local function own(path) succeeds { "chown", "-R", owner .. ":" .. owner, path } end
  local command = { "setpriv", "--reuid=" .. owner, "--regid=" .. owner, "--clear-groups",
    "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all" }
  if #as_root() > 0 then command, own = {}, function() end end
  command.env = { NOTIFY_SOCKET = socket.path, WATCHDOG_USEC = "400000", HOME = "/" }
  for variable, kind in pairs { STATE_DIRECTORY = "lib", CACHE_DIRECTORY = "cache" } do
    local path = ("%s/var/%s/iflow/orders"):format(root, kind)
    succeeds { "install", "-d", "-m", "0700", path }
    own(path)
    command.env[variable] = path
  end
  local credentials = place.dir:file "credentials"
  succeeds { "install", "-d", "-m", "0500", credentials }
  for _, line in ipairs(unit.LoadCredential) do
    local name, path = line:match "^([^:]+):(.*)$"
    succeeds { "install", "-m", "0400", path, credentials .. "/" .. name }
  end
  own(credentials)
  command.env.CREDENTIALS_DIRECTORY = credentials
  for _, line in ipairs(unit.Environment) do
    local name, value = line:match "^([^=]+)=(.*)$"
    command.env[name] = value
  end
  for _, path in ipairs(unit.EnvironmentFile) do
    local text = process.read((path:gsub("^%-", ""))) or ""
    for name, value in ("\n" .. text):gmatch "\n([%w_]+)=([^\n]*)" do
      command.env[name] = value
    end
  end
  for word in unit.ExecStart[1]:gmatch "%S+" do command[#command + 1] = word end
  command.dir = etc
  return process.start(command), unit
end

describe("the Debian package #stock", function()
  local dir, package, fields

  setup(function()
    dir = process.tempdir()
    succeeds { "chmod", "0755", dir.path } -- the service of the package is another user
    package = installed.package(dir:file "made")
    fields = {}
    for name, value in succeeds({ "dpkg-deb", "-f", package }):gmatch "([%w-]+): ([^\n]*)" do
      fields[name] = value
    end
  end)

  teardown(function() dir:close() end)

  local function new_root(name)
    local root = dir:file(name)
    write_database(root, names_of(fields.Depends))
    return setmetatable({ root = root }, dpkg)
  end

  it("says what it needs, and what is the administrator's", function()
    assert.equal("iflow", fields.Package)
    assert.equal(core.version, fields.Version:match "^[^-]+")
    local needs = {}
    for _, name in ipairs(names_of(fields.Depends)) do needs[name] = true end
    for _, name in ipairs { "libc6", "libcurl4", "liblua5.4-0", "libssl3", "libuv1", "libsqlite3-0",
      "lua-argparse", "ca-certificates", "tzdata" } do
      assert.is_true(needs[name], name)
    end
    assert.equal("/etc/iflow/iflow.env\n", succeeds { "dpkg-deb", "-I", package, "conffiles" })
    local list = succeeds { "dpkg-deb", "-c", package }
    for _, path in ipairs { "usr/bin/iflow", "usr/share/man/man1/iflow-run.1.gz",
      "usr/share/zsh/vendor-completions/_iflow", "usr/share/doc/iflow/copyright",
      "usr/lib/systemd/system/iflow@.service" } do
      assert.is_truthy(list:find(" ./" .. path .. "\n", 1, true), path)
    end
    assert.is_nil(list:find "site%-functions")
    for mode, owner in list:gmatch "(%S+) (%S+) +%d+ " do -- nobody but root may write
      assert.equal("root/root", owner)
      assert.is_truthy(mode:find "^[-dl]rw.r.[-x]r.[-x]$", mode)
    end
  end)

  it("is refused where what it needs is missing", function()
    local machine = new_root "bare"
    write_database(machine.root, { "libc6" })
    assert.not_equal(0, machine:run("-i", package).code)
    assert.not_equal("installed", machine:status())
  end)

  it("is installed, upgraded, removed and purged", function()
    local machine = new_root "machine"
    local root = machine.root
    local settings = root .. "/etc/iflow/iflow.env"
    machine:succeeds("-i", package)
    assert.equal("installed", machine:status())
    assert.equal("iflow " .. core.version .. "\n",
      succeeds { root .. "/usr/bin/iflow", "--version" })
    process.write(settings, "IFLOW_GRACE=5s\n")
    process.write(root .. "/etc/iflow/orders.lua", "-- mine\n")
    machine:succeeds("-i", package) -- an upgrade asks nothing and leaves what was changed
    assert.equal("IFLOW_GRACE=5s\n", process.read(settings))
    local wants = root .. "/etc/systemd/system/multi-user.target.wants"
    succeeds { "mkdir", "-p", wants, root .. "/var/lib/private/iflow/orders" }
    succeeds { "ln", "-s", "/usr/lib/systemd/system/iflow@.service",
      wants .. "/iflow@orders.service" }
    process.write(root .. "/var/lib/private/iflow/orders/outbox.db", "messages")
    machine:succeeds("-r", "iflow")
    assert.is_nil(process.read(root .. "/usr/bin/iflow"))
    assert.is_nil(process.read(root .. "/usr/share/doc/iflow/copyright"))
    assert.equal("IFLOW_GRACE=5s\n", process.read(settings))
    machine:succeeds("-P", "iflow")
    assert.is_nil(process.read(settings))
    assert.equal("", succeeds { "ls", wants })
    assert.equal("-- mine\n", process.read(root .. "/etc/iflow/orders.lua"))
    assert.equal("messages", process.read(root .. "/var/lib/private/iflow/orders/outbox.db"))
  end)

  it("serves as its unit says: starts, reloads and stops", async(function()
    local machine = new_root "service"
    local root = machine.root
    machine:succeeds("-i", package)
    local place <close> = serve.place()
    succeeds { "chmod", "0755", place.dir.path }
    process.write(root .. "/etc/iflow/orders.lua", SCRIPT)
    process.write(root .. "/etc/iflow/orders.key.json", place.dir:read "key.json")
    succeeds { "chmod", "0600", root .. "/etc/iflow/orders.key.json" }
    process.write(root .. "/etc/iflow/iflow.env",
      "# All\nIFLOW_LOG_FORMAT=json\nIFLOW_LOG_LEVEL=error\n")
    process.write(root .. "/etc/iflow/orders.env", "IFLOW_LOG_LEVEL=info\n")
    local socket <close> = notify.listen(place.dir:file "notify.sock")
    local service <close>, unit = start(place, root, socket)
    process.wait_for("readiness or an end", function()
      return socket:told():find "READY=1" or not service:alive()
    end)
    assert.is_true(service:alive(), service:output())
    process.wait_for("a message", function() return #place.received > 0 end)
    succeeds { "sh", "-c", unit.ExecReload[1], env = { MAINPID = tostring(service.pid) } }
    socket:hears "READY=1 STATUS=reloaded"
    service:signal "TERM"
    assert.equal(0, service:wait().code)
    socket:hears "STOPPING=1"
    local record = assert(core.json.decode(service.dir:read "err":match "^[^\n]*"))
    assert.equal("info", record.level) -- the settings of both files count, those of the second more
    assert.is_truthy(core.file.stat(root .. "/var/lib/iflow/orders/outbox.db"))
  end))

  it("has nothing that lintian calls an error #full", function()
    if not size.full or process.run({ "sh", "-c", "command -v lintian" }).code ~= 0 then return end
    succeeds { "lintian", "--fail-on", "error", package }
  end)
end)
