-- --log-level and --log-format.
local json = require "iflow.json"
local logging = require "iflow.cli.logging"
local process = require "spec.support.process"

describe("--log-level", function()
  it("is a level, and levels of modules", function()
    for _, text in ipairs { "info", "info,http=debug", "http=trace,warn", "job=error" } do
      assert.equal(text, logging.check(text))
    end
  end)

  it("is nothing else", function()
    for _, text in ipairs { "", "loud", "info,http=loud", "info,debug", "info,=debug",
      ("m"):rep(32) .. "=debug" } do
      assert.is_nil(logging.check(text), text)
    end
  end)
end)

describe("the log of a command", function()
  local script = 'local log = require("iflow").log\n'
    .. 'log.write("debug", "chatty", "one") log.write("debug", "quiet", "two")'

  local function log_of(words, wrapper)
    local dir <close> = process.tempdir()
    local line = { process.iflow, "run", dir:write("log.lua", script), "--log-level",
      "warn,chatty=debug", table.unpack(words) }
    if wrapper then
      for i, word in ipairs(line) do line[i] = process.quote(word) end
      line = { "sh", "-c", wrapper:format(table.concat(line, " "), dir:file "log"),
        dir:file "log" }
    end
    local result = process.run(line)
    assert.equal(0, result.code, result.err)
    return wrapper and dir:read "log" or result.err
  end

  it("is text, of the modules that it is asked for", function()
    assert.is_truthy(log_of {}:find "^%S+ debug chatty:      one\n$")
  end)

  it("is an object a line with json, and with auto where nobody looks", function()
    for _, format in ipairs { "json", "auto" } do
      assert.equal("one", json.decode(log_of { "--log-format", format }).message)
    end
  end)

  it("has the priorities that systemd's journal takes where it goes there", function()
    local line = log_of({ "--log-format", "auto" },
      'exec 2> "$0"; export JOURNAL_STREAM=$(stat -Lc %%d:%%i "$0"); %s')
    assert.equal("one", json.decode(line:match "^<7>(.*)$").message)
  end)

  it("has them at the socket that systemd gives", function()
    local dir <close> = process.tempdir()
    local result = process.run { "python3", "-c", [[
import os, socket, subprocess, sys
ours, journal = socket.socketpair()
stat = os.fstat(journal.fileno())
os.environ["JOURNAL_STREAM"] = "%d:%d" % (stat.st_dev, stat.st_ino)
code = subprocess.run(sys.argv[1:], stderr=journal).returncode
journal.close()
sys.stdout.buffer.write(b"".join(iter(lambda: ours.recv(65536), b"")))
sys.exit(code)]], process.iflow, "run", dir:write("log.lua", [[
local log = require("iflow").log
for _, level in ipairs { "error", "warn", "info", "debug" } do log.write(level, "x", level) end]]),
      "--log-level", "debug", "--log-format", "auto" }
    assert.equal(0, result.code, result.err)
    local seen = {}
    for priority, object in result.out:gmatch "<(%d)>([^\n]*)\n" do
      seen[json.decode(object).message] = priority
    end
    assert.same({ error = "3", warn = "4", info = "6", debug = "7" }, seen)
  end)

  it("has colours on a terminal alone, and not where NO_COLOR is set", function()
    local dir <close> = process.tempdir()
    local path = dir:write("log.lua", script)
    for env, colored in pairs { ["TERM=xterm"] = true, ["TERM=xterm NO_COLOR=1"] = false,
      ["TERM=dumb"] = false } do
      local line = ("env -u NO_COLOR %s %s run %s --log-level chatty=debug"):format(env,
        process.iflow, path)
      local result = process.run { "script", "-qec", line, "/dev/null" }
      assert.equal(0, result.code, result.out)
      assert.equal(colored, result.out:find("\27[", 1, true) ~= nil, env)
    end
    assert.is_nil(log_of {}:find("\27[", 1, true))
  end)
end)
