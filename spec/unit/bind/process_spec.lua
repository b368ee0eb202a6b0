local core = require "iflow.core"
local helper = require "spec.support.process"
local process = core.process

local function ended(pid)
  return helper.wait_for("the process to end", function()
    local state, code = process.status(pid)
    return state == "ended" and { code = code }
  end).code
end

describe("core.process", function()
  local dir <const> = assert(core.file.tempdir "iflow-spec-")
  teardown(function() core.file.remove(dir, { recursive = true }) end)

  it("starts a program in a session of its own, with its output in a file", function()
    local log = dir .. "/session"
    local pid = assert(process.detach { "/bin/sh", "-c", "ps -o sid= -p $$; echo oops >&2",
                                        log = log })
    assert.equal(0, ended(pid))
    local sid, rest = core.file.read(log):match "^%s*(%d+)\n(.*)"
    assert.equal(pid, tonumber(sid))
    assert.equal("oops\n", rest)
    assert.equal("0600", core.file.stat(log).mode)
  end)

  it("tells the exit code, or the signal", function()
    assert.equal(7, ended(assert(process.detach { "/bin/sh", "-c", "exit 7", log = dir .. "/l" })))
    assert.equal(137, ended(assert(process.detach { "/bin/sh", "-c", "kill -9 $$",
                                                    log = dir .. "/l" })))
  end)

  it("says that it is running", function()
    local pid = assert(process.detach { "/bin/sleep", "60", log = dir .. "/l" })
    assert.equal("running", (process.status(pid)))
    os.execute("kill " .. pid)
    assert.equal(143, ended(pid))
  end)

  it("passes arguments as they are", function()
    local pid = assert(process.detach { "/bin/echo", "a b", "$HOME", "'\"", log = dir .. "/words" })
    assert.equal(0, ended(pid))
    assert.equal("a b $HOME '\"\n", core.file.read(dir .. "/words"))
  end)

  it("fails for a program that is not there", function()
    local pid, err = process.detach { "/no/such/program", log = dir .. "/l" }
    assert.is_nil(pid)
    assert.equal("file.not_found", err.code)
  end)

  it("raises on mistakes", function()
    assert.has_error(function() process.detach { "/bin/true" } end)
    assert.has_error(function() process.detach { log = dir .. "/l" } end)
    assert.has_error(function() process.detach { "/bin/true", 5, log = dir .. "/l" } end)
    assert.has_error(function() process.status(0) end)
  end)

  it("knows its environment", function()
    local found = process.environment()
    assert.equal(os.getenv "PATH", found.PATH)
    for name, value in pairs(found) do assert.equal(value, os.getenv(name)) end
  end)

  it("knows the running program", function()
    local link <close> = assert(io.popen(("readlink /proc/%d/exe"):format(process.pid())))
    assert.equal(link:read "l", process.executable())
  end)
end)
