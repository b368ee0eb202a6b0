local file = require "iflow.core".file

describe("core.file", function()
  local dir

  before_each(function() dir = assert(file.tempdir "iflow-spec-") end)
  after_each(function() assert(file.remove(dir, { recursive = true })) end)

  it("writes with a mode and reads back", function()
    assert.is_true(file.write(dir .. "/a", "x\0y", "0600"))
    assert.equal("x\0y", file.read(dir .. "/a"))
    assert.same({ "file", 3, "0600" }, { file.stat(dir .. "/a").kind, file.stat(dir .. "/a").size,
                                         file.stat(dir .. "/a").mode })
    assert.is_true(file.write(dir .. "/a", "", "0644"))
    assert.equal("", file.read(dir .. "/a"))
    assert.equal("0644", file.stat(dir .. "/a").mode)
  end)

  it("leaves nothing beside a file that was replaced", function()
    assert(file.write(dir .. "/a", "1"))
    assert(file.write(dir .. "/a", "2"))
    assert.same({ "a" }, file.list(dir))
  end)

  it("writes to a device, and puts no file in its place", function()
    assert(os.execute(("ln -s /dev/full %s/full && ln -s /dev/null %s/null"):format(dir, dir)))
    local ok, err = file.write(dir .. "/full", "x")
    assert.is_nil(ok)
    assert.equal("file.io", err.code)
    assert.is_true(file.write(dir .. "/null", "x"))
    assert.same({ "full", "null" }, file.list(dir))
    for _, name in ipairs { "full", "null" } do
      assert.not_equal("file", file.stat(dir .. "/" .. name).kind)
    end
  end)

  it("syncs what was written by other means", function()
    local out <close> = assert(io.open(dir .. "/a", "wb"))
    assert(out:write "1")
    assert(out:flush())
    assert.is_true(file.sync(dir .. "/a"))
    assert.equal("1", file.read(dir .. "/a"))
  end)

  it("refuses to read more than the ceiling", function()
    assert(file.write(dir .. "/a", "12345"))
    local text, err = file.read(dir .. "/a", 4)
    assert.is_nil(text)
    assert.equal("limit.exceeded", err.code)
    assert.equal("12345", file.read(dir .. "/a", 5))
  end)

  it("tells what is missing", function()
    assert.is_nil(file.stat(dir .. "/no"))
    for _, call in ipairs { file.read, file.list, file.absolute, file.writable,
      file.sync } do
      local value, err = call(dir .. "/no")
      assert.is_nil(value)
      assert.equal("file.not_found", err.code)
    end
    assert.equal("file.not_found", select(2, file.write(dir .. "/no/a", "x")).code)
  end)

  it("makes directories with their parents", function()
    assert.is_true(file.mkdir(dir .. "/a/b/c", "0700"))
    assert.same({ "directory", "0700" }, { file.stat(dir .. "/a/b/c").kind,
                                           file.stat(dir .. "/a/b/c").mode })
    assert.is_true(file.mkdir(dir .. "/a/b/c"))
    assert(file.write(dir .. "/f", ""))
    assert.equal("file.exists", select(2, file.mkdir(dir .. "/f")).code)
    assert.is_nil((file.mkdir(dir .. "/f/g")))
  end)

  it("removes trees, but never follows a link", function()
    assert(file.mkdir(dir .. "/keep"))
    assert(file.write(dir .. "/keep/a", "x"))
    assert(file.mkdir(dir .. "/tree/deep"))
    assert(os.execute(("ln -s %s/keep %s/tree/link"):format(dir, dir)))
    assert.is_nil((file.remove(dir .. "/tree")))
    assert.is_true(file.remove(dir .. "/tree", { recursive = true }))
    assert.is_nil(file.stat(dir .. "/tree"))
    assert.equal("x", file.read(dir .. "/keep/a"))
    assert.is_true(file.remove(dir .. "/tree", { recursive = true }))
    assert.is_true(file.remove(dir .. "/tree"))
  end)

  it("lists names in order", function()
    for _, name in ipairs { "c", "a", "b" } do assert(file.write(dir .. "/" .. name, "")) end
    assert.same({ "a", "b", "c" }, file.list(dir))
  end)

  it("resolves a path", function()
    local full = file.absolute(dir .. "/./")
    assert.matches("^/", full)
    assert.equal(full, file.absolute(full))
  end)

  it("gives a lock to one holder at a time", function()
    local lock = assert(file.lock(dir .. "/l"))
    assert.equal("file.locked", select(2, file.lock(dir .. "/l")).code)
    lock:close()
    lock:close()
    local again <close> = assert(file.lock(dir .. "/l"))
    assert.is_truthy(again)
  end)

  it("raises on mistakes", function()
    assert.has_error(function() file.write(dir .. "/a", "x", "0999") end)
    assert.has_error(function() file.write(dir .. "/a", "x", "") end)
    assert.has_error(function() file.read(dir .. "/a", 0) end)
    assert.has_error(function() file.remove(dir, { recursiv = true }) end)
    assert.has_error(function() file.read({}) end)
  end)
end)

describe("core.file.write inside a task", function()
  local async = require "spec.support.async"
  local core = require "iflow.core"

  it("lets other tasks run while the disk works", async(function()
    local dir = assert(file.tempdir "iflow-spec-")
    local order = {}
    local writer = core.task.spawn(function()
      assert(file.write(dir .. "/a", "x"))
      order[#order + 1] = "written"
    end)
    core.task.spawn(function() order[#order + 1] = "other" end)
    writer:join()
    assert.same({ "other", "written" }, order)
    assert.equal("x", file.read(dir .. "/a"))
    assert.equal("file.not_found", select(2, file.write(dir .. "/no/a", "x")).code)
    file.remove(dir, { recursive = true })
  end))

  it("ends what it began when its task is cancelled", async(function()
    local dir = assert(file.tempdir "iflow-spec-")
    local writer = core.task.spawn(function() file.write(dir .. "/a", ("x"):rep(100000)) end)
    -- Runs right after the writer has begun: the loop cannot tell of the end in between.
    core.task.spawn(function() writer:cancel() end)
    local ok, err = writer:join()
    assert.is_nil(ok)
    assert.equal("task.canceled", err.code)
    local deadline = core.task.monotonic() + 10
    while not file.stat(dir .. "/a") and core.task.monotonic() < deadline do
      core.task.sleep(0.005)
    end
    assert.equal(100000, #file.read(dir .. "/a"))
    file.remove(dir, { recursive = true })
  end))
end)
