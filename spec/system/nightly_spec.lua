-- scripts/senders/nightly.lua as it is used: by iflow serve over the sandbox with a file that is
-- dropped, and by the crontab line that README names. Its own tests are run, too.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local SCRIPT = "scripts/senders/nightly.lua"

-- The directory of one who runs it: HOME/stock, with the script and its key.
local function place_of(sb)
  local home = process.tempdir()
  assert(os.execute("mkdir -p " .. process.quote(home:file "stock/inbox")))
  home:write("stock/nightly.lua", assert(process.read(SCRIPT)))
  local key = sandbox.key(sb, "secret")
  home:write("stock/key.json", assert(core.json.encode(key)))
  for _, name in ipairs { "movements", "totals" } do
    assert(sb:deploy(core.file.absolute "scripts/senders/flows" .. "/" .. name .. ".flow.lua"))
  end
  return home, { HOME = home.path, IFLOW_CACERT = sb.endpoints.cacert, IFLOW_TOKEN_CACHE = "off",
    PATH = process.iflow:match "^(.*)/" .. ":" .. os.getenv "PATH" }
end

local function completed(sb, flow)
  local count = 0
  for _, entry in ipairs(sb:log()) do
    if entry.flow == flow and entry.status == "COMPLETED" then count = count + 1 end
  end
  return count
end

-- As programs drop files: under another name first.
local function drop(home, name)
  home:write("stock/inbox/.new", assert(process.read "scripts/senders/data/movements.csv"))
  assert(os.rename(home:file "stock/inbox/.new", home:file("stock/inbox/" .. name)))
end

-- The command of README's crontab line.
local function crontab_command()
  local readme = assert(process.read "README.md")
  return assert(readme:match "\n    30 2 %* %* %S+ +([^\n]*%-%-job nightly[^\n]*)\n")
end

describe("scripts/senders/nightly.lua", function()
  it("passes its own tests", function()
    local result = process.run { process.iflow, "test", SCRIPT }
    assert.equal(0, result.code, result.out .. result.err)
    assert.is_truthy(result.out:find "3 successes / 0 failures")
  end)

  it("sends what is dropped, and the totals at night from a crontab", async(function()
    local sb <close> = sandbox.start()
    local home <close>, env = place_of(sb)
    local day = os.date("%Y%m%d", os.time() - 86400)
    do
      local service <close> = process.start { process.iflow, "serve", "nightly.lua",
        "--service-key", "key.json", dir = home:file "stock", env = env }
      drop(home, "movements-" .. day .. "-1.csv")
      process.wait_for("40 movements", function() return completed(sb, "movements") == 40 end)
      process.wait_for("the file to be moved", function()
        return core.file.stat(home:file("stock/archive/movements-" .. day .. "-1.csv"))
      end)
      service:signal "TERM"
      local result = service:wait()
      assert.equal(0, result.code, result.err)
    end
    local command = { "sh", "-c", crontab_command(), dir = home.path, env = env }
    for _ = 1, 2 do -- the second time the totals are known already
      local result = process.run(command)
      assert.equal(0, result.code, result.err .. (home:read "stock/nightly.log" or ""))
      assert.equal(1, completed(sb, "totals"))
    end
    assert.equal(40, completed(sb, "movements"))
  end))
end)
