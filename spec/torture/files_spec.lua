-- Torture of what drop folders ask of files: the n-th C allocation of ours fails, then the n-th
-- growth of Lua's memory, for every n. A file is then where it was or where it goes, never in both
-- places or nowhere. Needs the interpreter of the sanitizer build.
local core = require "iflow.core"
local process = require "spec.support.process"
local torture = require "spec.support.torture"

local file = core.file

-- A move there and back again, so that the next try finds the file where it was.
local function there_and_back(a, b)
  if not file.stat(a) then os.execute(("mv %s %s"):format(b, a)) end
  local ok, err = file.rename(a, b)
  if ok then ok, err = file.rename(b, a) end
  assert((file.stat(a) ~= nil) ~= (file.stat(b) ~= nil), "one file in one place")
  return ok, err
end

for _, kind in ipairs { "malloc", "lua" } do
  describe("what fails of " .. kind, function()
    local dir <const> = process.tempdir()
    dir:write("a", "x")

    it("keeps a moved file in one place", function()
      local other = process.run({ "mktemp", "-d", "/dev/shm/iflow-spec.XXXXXX" }).out:match "^(%S+)"
      torture(kind, function() return there_and_back(dir:file "a", dir:file "b") end)
      torture(kind, function() return there_and_back(dir:file "a", other .. "/b") end)
      assert.same({}, file.list(other))
      assert(file.remove(other, { recursive = true }))
    end)

    it("leaves a scan and a watch whole", function()
      torture(kind, function()
        local list, err = file.scan(dir.path)
        return list and #list, err
      end)
      torture(kind, function()
        local watcher <close>, err = file.watch(dir.path)
        return watcher and true, err
      end)
    end)
  end)
end
