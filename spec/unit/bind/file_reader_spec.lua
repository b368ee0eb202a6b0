-- Files and pipes read piece by piece.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"

local file = core.file

local dir
setup(function() dir = process.tempdir() end)
teardown(function() dir:close() end)

local function all_of(reader, n)
  local pieces = {}
  while true do
    local piece = reader:read(n)
    if not piece then return table.concat(pieces), #pieces end
    pieces[#pieces + 1] = piece
  end
end

describe("a reader", function()
  it("gives a file in pieces, with size and position", async(function()
    local content = ("0123456789"):rep(100)
    local reader <close> = assert(file.reader(dir:write("file", content)))
    assert.equal(1000, reader:size())
    local text, pieces = all_of(reader, 300)
    assert.equal(content, text)
    assert.equal(4, pieces)
    assert.equal(1000, reader:position())
  end))

  it("reads outside of a task, too", function()
    local reader <close> = assert(file.reader(dir:write("small", "abc")))
    assert.equal("abc", reader:read())
    assert.is_nil(reader:read())
  end)

  it("refuses what cannot be read, and closed ones", async(function()
    local _, err = file.reader(dir:file "nothing")
    assert.equal("file.not_found", err.code)
    _, err = file.reader(dir.path or tostring(dir:file ""))
    assert.is_string(err.code)
    local reader = assert(file.reader(dir:write("some", "x")))
    assert.error_matches(function() reader:read(0) end, "1 to 16777216")
    reader:close()
    reader:close()
    assert.error_matches(function() reader:read() end, "closed")
  end))

  it("of a pipe waits for its writer without holding up the others", async(function()
    assert.is_true(os.execute("mkfifo " .. dir:file "pipe"))
    local writer <close> = process.start { "sh", "-c",
      "exec > " .. dir:file "pipe" .. "; echo one; sleep 0.5; echo two" }
    local ticks = 0
    local ticker <close> = core.task.spawn(function()
      while true do
        core.task.sleep(0.02)
        ticks = ticks + 1
      end
    end)
    local reader <close> = assert(file.reader(dir:file "pipe"))
    assert.is_nil(reader:size())
    assert.equal("one\ntwo\n", (all_of(reader)))
    assert.is_true(ticks >= 5, ticks .. " ticks")
    ticker:cancel()
    assert.is_table(writer)
  end))

  it("of a silent pipe can be cancelled", async(function()
    assert.is_true(os.execute("mkfifo " .. dir:file "silent"))
    local writer <close> = process.start { "sh", "-c", "exec > " .. dir:file "silent; sleep 60" }
    local reader <close> = assert(file.reader(dir:file "silent"))
    local task = core.task.spawn(function() return reader:read() end)
    core.task.sleep(0.1)
    task:cancel()
    local _, err = task:join()
    assert.equal("task.canceled", err.code)
    assert.is_table(writer)
  end))
end)
