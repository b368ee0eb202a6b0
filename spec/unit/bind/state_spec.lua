-- What a Lua state owns, seen from outside: whole programs that end in the middle of things.
local process = require "spec.support.process"

-- The sanitizer build's module needs a program built with sanitizers, too.
local sanitized = pcall(require, "fault")

local function run_script(text)
  local dir <close> = process.tempdir()
  return process.run { process.lua, dir:write("script.lua", text) }
end

local function assert_clean(result)
  assert.equal("", result.err)
  assert.equal(0, result.code)
end

describe("a state that is closed", function()
  it("inside a run, with everything open", function()
    assert_clean(run_script [[
      local iflow = require "iflow"
      local core = require "iflow.core"
      iflow.run(function()
        local server = assert(core.server.new {
          tls = false, request = function() iflow.park() end,
        })
        local url = "http://127.0.0.1:" .. server:port() .. "/"
        for _ = 1, 3 do iflow.spawn(core.http.request, { url = url, timeout = 60 }) end
        iflow.spawn(iflow.sleep, 60)
        iflow.spawn(iflow.park)
        local waiting <close> = iflow.spawn(function() iflow.timeout(60, iflow.park) end)
        for _ = 1, 20 do iflow.sleep(0.002) end
        os.exit(0, true)
      end)
    ]])
  end)

  it("with work on a thread", function()
    assert_clean(run_script [[
      local iflow = require "iflow"
      local core = require "iflow.core"
      iflow.run(function()
        iflow.spawn(core.authority.keypair, { type = "rsa", bits = 2048 })
        iflow.sleep(0)
        iflow.sleep(0)
        os.exit(0, true)
      end)
    ]])
  end)

  it("after a run that failed", function()
    assert_clean(run_script [[
      local iflow = require "iflow"
      assert(not pcall(iflow.run, function()
        iflow.spawn(iflow.park)
        error "boom"
      end))
    ]])
  end)

  it("with a finalizer that comes after ours", function()
    assert_clean(run_script [[
      local iflow
      setmetatable({}, { __gc = function()
        local ok, err = pcall(iflow.run, function() end)
        assert(not ok and tostring(err):find "iflow is closed")
        ok, err = pcall(iflow.sleep, 1)
        assert(not ok and tostring(err):find "iflow is closed")
        assert(not pcall(iflow.log.level))
      end })
      iflow = require "iflow"
      local _ = iflow.log, iflow.sleep, iflow.run(function() end)
    ]])
  end)

  it("with finalizers that come before ours", function()
    assert_clean(run_script [[
      local iflow = require "iflow"
      setmetatable({}, { __gc = function()
        assert(iflow.run(function()
          iflow.sleep(0.001)
          return iflow.spawn(function() return 7 end):join()
        end) == 7)
      end })
    ]])
  end)
end)

describe("two states in one process", function()
  local dir, program

  setup(function()
    dir = process.tempdir()
    program = dir:file "two_states"
    local command = "cc -o " .. program .. " spec/support/two_states.c "
      .. (sanitized and "-fsanitize=address,undefined " or "")
      .. "$(pkg-config --cflags --libs lua5.4) 2>&1"
    local pipe = assert(io.popen(command))
    local output = pipe:read "a"
    assert(pipe:close(), output)
  end)

  teardown(function() dir:close() end)

  it("share nothing", function()
    local first = dir:write("first.lua", [[
      local iflow = require "iflow"
      iflow.log.level "debug"
      iflow.run(function()
        local t = iflow.spawn(function()
          iflow.sleep(0.005)
          return 1
        end)
        iflow.sleep(0)
        other()
        assert(t:join() == 1)
      end)
      FIRST = true
    ]])
    local second = dir:write("second.lua", [[
      assert(not FIRST)
      local iflow = require "iflow"
      local core = require "iflow.core"
      assert(iflow.log.level() ~= "debug")
      assert(core.task.counts().tasks == 0 and not iflow.current())
      assert(iflow.run(function()
        iflow.sleep(0.01)
        return 2
      end) == 2)
      function after()
        assert(iflow.run(function()
          iflow.sleep(0.001)
          return 3
        end) == 3)
      end
    ]])
    assert_clean(process.run { program, first, second })
  end)

  -- The look-up goes on in a thread of libcurl's: its code must stay when the module goes.
  it("may close the one whose name is still being asked for", function()
    local first = dir:write("first.lua", [[
      local core = require "iflow.core"
      other()
      core.task.run(function()
        local _, err = core.http.request { url = "http://slow.example:1/", connect_timeout = 0.5 }
        assert(err.code == "net.dns_timeout", err.code)
      end)
    ]])
    local second = dir:write("second.lua", [[
      local function threads()
        local list <close> = assert(io.popen "ls /proc/$PPID/task | wc -l")
        return list:read "n"
      end
      function after()
        for _ = 1, 300 do
          os.execute "sleep 0.1"
          if threads() == 1 then return end
        end
        error "the look-up does not end"
      end
    ]])
    local names = dir:file "names.so"
    local build = process.run { "cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", names,
      "spec/support/names.c", "-ldl" }
    assert(build.code == 0, build.err)
    assert_clean(process.run { program, first, second,
      env = { LD_PRELOAD = names, ASAN_OPTIONS = "verify_asan_link_order=0:detect_leaks=0" } })
  end)
end)
