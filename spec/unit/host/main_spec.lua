-- The host binary as a process: streams, signals, memory, where its Lua files come from.
local process = require "spec.support.process"

local function host(words)
  table.insert(words, 1, process.iflow)
  return words
end

-- Runs `text` as a script: result of process.run.
local function script(text, more)
  local dir <close> = process.tempdir()
  local words = host { "run", dir:write("script.lua", text) }
  for key, value in pairs(more or {}) do words[key] = value end
  return process.run(words)
end

describe("the host binary", function()
  it("runs a script and returns its exit code", function()
    local result = script "print(...) return 7"
    assert.same({ 7, "\n", "" }, { result.code, result.out, result.err })
  end)

  it("leaves no core file", function()
    local result = script [[
      for line in io.lines "/proc/self/limits" do
        if line:find "^Max core" then print((line:gsub("%s+", " "))) end
      end]]
    assert.equal("Max core file size 0 0 bytes \n", result.out)
  end)

  it("does not take a full disk for success", function()
    local result = process.run { "sh", "-c", '"$0" --version >/dev/full', process.iflow }
    assert.equal(2, result.code)
    assert.not_equal("", result.err)
  end)

  it("survives a reader that went away", function()
    local dir <close> = process.tempdir()
    local text = "while io.write(('x'):rep(4096)) do end io.stderr:write 'goes on' return 3"
    local result = process.run { "sh", "-c", '{ "$0" run "$1"; echo " $?" >&2; } | true',
      process.iflow, dir:write("script.lua", text) }
    assert.equal("goes on 3\n", result.err)
  end)

  it("reads files given as /dev/fd/N", function()
    local result = process.run { "bash", "-c", '"$0" run <(echo "return 5")', process.iflow }
    assert.equal(5, result.code)
  end)

  it("prefers the directory IFLOW_LUADIR to what is compiled in", function()
    local dir <close> = process.tempdir()
    assert(os.execute(("mkdir -p %s/iflow/cmd"):format(dir.path)))
    dir:write("iflow/cmd/hello.lua",
      "return { summary = 'greet', run = function(_, out) out:print 'hello' end }")
    local result = process.run(host { "hello", env = { IFLOW_LUADIR = dir.path } })
    assert.same({ 0, "hello\n" }, { result.code, result.out })
    assert.equal(2, process.run(host { "hello" }).code)
  end)
end)

describe("a signal", function()
  -- Starts the script, sends the signal once it has written "ready": { code =, out =, err = }.
  local function interrupted(name, text)
    local dir <close> = process.tempdir()
    local helper <close> = process.start(host { "run", dir:write("script.lua", text) })
    process.wait_for("the script", function() return helper:output():find "ready" end)
    helper:signal(name)
    return helper:wait(), helper
  end

  local patient = [[
    local iflow = require "iflow"
    iflow.spawn(function()
      local mark <close> = setmetatable({}, { __close = function() print "task closed" end })
      iflow.sleep(100)
    end)
    local mark <close> = setmetatable({}, { __close = function() print "script closed" end })
    iflow.sleep(0)
    io.stderr:write "ready\n"
    iflow.sleep(100)
    print "not reached"]]

  it("cancels every task, waits for their cleanup and shows in the exit code", function()
    for name, code in pairs { INT = 130, TERM = 143 } do
      local result = interrupted(name, patient)
      assert.equal(code, result.code)
      assert.truthy(result.out:find "task closed")
      assert.truthy(result.out:find "script closed")
      assert.is_nil(result.out:find "not reached")
      assert.equal("ready\n", result.err)
    end
  end)

  it("ends a script that never waits, too", function()
    local result = interrupted("TERM", [[
      local mark <close> = setmetatable({}, { __close = function() print "closed" end })
      io.stderr:write "ready\n"
      while true do end]])
    assert.equal(143, result.code)
    assert.truthy(result.out:find "closed")
  end)

  it("ends the process at the second time, even if the script never waits", function()
    local dir <close> = process.tempdir()
    local helper <close> = process.start(host { "run", dir:write("script.lua",
      'io.stderr:write "ready\\n" while true do pcall(function() while true do end end) end') })
    process.wait_for("the script", function() return helper:output():find "ready" end)
    local ended = process.wait_for("its end", function()
      helper:signal "INT"
      return not helper:alive()
    end)
    assert.is_true(ended)
    assert.equal(130, helper:wait().code)
  end)
end)
