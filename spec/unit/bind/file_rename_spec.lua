local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"

local file = core.file

describe("core.file.rename", function()
  local dir, other -- on two file systems

  before_each(function()
    dir = assert(file.tempdir "iflow-spec-")
    other = assert(process.run({ "mktemp", "-d", "/dev/shm/iflow-spec.XXXXXX" }).out:match "^(%S+)")
    assert.not_equal(file.stat(dir).device, file.stat(other).device)
  end)
  after_each(function()
    assert(file.remove(dir, { recursive = true }))
    assert(file.remove(other, { recursive = true }))
  end)

  it("moves a file", function()
    assert(file.write(dir .. "/a", "x"))
    local inode = file.stat(dir .. "/a").inode
    assert.is_true(file.rename(dir .. "/a", dir .. "/b"))
    assert.same({ "b" }, file.list(dir))
    assert.equal(inode, file.stat(dir .. "/b").inode)
  end)

  it("lets the loop go on meanwhile", async(function()
    assert(file.write(dir .. "/a", "x"))
    assert.is_true(file.rename(dir .. "/a", dir .. "/b"))
    assert.is_nil(file.stat(dir .. "/a"))
  end))

  it("moves to another file system, with mode and times", async(function()
    local text = ("0123456789"):rep(100000)
    assert(file.write(dir .. "/a", text, "0640"))
    local before = file.stat(dir .. "/a")
    assert.is_true(file.rename(dir .. "/a", other .. "/b"))
    local after = file.stat(other .. "/b")
    assert.same({ {}, { "b" } }, { file.list(dir), file.list(other) })
    assert.equal(text, file.read(other .. "/b"))
    assert.same({ before.mode, before.mtime_ns, before.size },
      { after.mode, after.mtime_ns, after.size })
  end))

  for _, where in ipairs { "here", "elsewhere" } do
    it("replaces nothing unless told, " .. where, function()
      local to = (where == "here" and dir or other) .. "/b"
      assert(file.write(dir .. "/a", "new"))
      assert(file.write(to, "old"))
      assert.equal("file.exists", select(2, file.rename(dir .. "/a", to)).code)
      assert.same({ "new", "old" }, { file.read(dir .. "/a"), file.read(to) })
      assert.is_true(file.rename(dir .. "/a", to, { replace = true }))
      assert.equal("new", file.read(to))
      assert.is_nil(file.stat(dir .. "/a"))
    end)
  end

  it("leaves the file where it was when it cannot be moved", function()
    assert(file.write(dir .. "/a", "x"))
    for _, to in ipairs { dir .. "/no/a", other .. "/no/a" } do
      assert.equal("file.not_found", select(2, file.rename(dir .. "/a", to)).code)
    end
    assert.equal("file.not_found", select(2, file.rename(dir .. "/no", dir .. "/b")).code)
    assert.equal("x", file.read(dir .. "/a"))
    assert.same({}, file.list(other))
  end)

  it("copies nothing but files", function()
    assert(file.mkdir(dir .. "/sub"))
    assert.is_nil((file.rename(dir .. "/sub", other .. "/sub")))
    assert(os.execute(("ln -s /etc/passwd %s/link"):format(dir)))
    assert.is_nil((file.rename(dir .. "/link", other .. "/link")))
    assert.same({ { "link", "sub" }, {} }, { file.list(dir), file.list(other) })
  end)

  it("raises on an unknown option", function()
    assert.error_matches(function() file.rename("a", "b", { replce = true }) end, "replace")
  end)
end)

describe("core.file.scan", function()
  local dir

  before_each(function() dir = assert(file.tempdir "iflow-spec-") end)
  after_each(function() assert(file.remove(dir, { recursive = true })) end)

  it("lists what are regular files, as stat knows them", async(function()
    assert(file.write(dir .. "/a", "xyz"))
    assert(file.write(dir .. "/.hidden", ""))
    assert(file.mkdir(dir .. "/sub"))
    assert(os.execute(("ln -s a %s/link && mkfifo %s/pipe"):format(dir, dir)))
    local list = assert(file.scan(dir))
    local stat = file.stat(dir .. "/a")
    assert.same({ { name = "a", size = 3, mtime_ns = stat.mtime_ns, device = stat.device,
      inode = stat.inode } }, list)
    assert.equal(stat.mtime, stat.mtime_ns // 1000000000)
  end))

  it("returns what is wrong with the directory", async(function()
    assert.equal("file.not_found", select(2, file.scan(dir .. "/no")).code)
    assert(file.write(dir .. "/a", ""))
    assert.is_nil((file.scan(dir .. "/a")))
  end))
end)

describe("core.file.stat", function()
  it("follows links unless told", function()
    local dir = assert(file.tempdir "iflow-spec-")
    assert(os.execute(("ln -s . %s/link"):format(dir)))
    assert.equal("directory", file.stat(dir .. "/link").kind)
    assert.equal("link", file.stat(dir .. "/link", { follow = false }).kind)
    assert(file.remove(dir, { recursive = true }))
  end)
end)
