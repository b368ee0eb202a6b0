-- Bodies larger than what anybody wants in memory go through, both ways, in a few MiB: 1 GiB in a
-- full run, a quarter of it otherwise.
local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local process = require "spec.support.process"
local size = require "spec.support.size"

local SIZE = size.of(1 << 28, 1 << 30)
-- For sender and receiver together, they are one process here. The address sanitizer holds back
-- what was freed, so its build proves only that the bytes arrive.
local ROOM = os.getenv "ASAN_OPTIONS" and math.huge or 64 * 1024 * 1024

local function resident()
  return tonumber(process.read "/proc/self/status":match "VmRSS:%s*(%d+) kB") * 1024
end

-- Reads the body away: its size, and the most memory that was in use meanwhile.
local function drain(req)
  local total, most = 0, 0
  for piece in function() return req:read() end do
    total = total + #piece
    if total % (64 * 1024 * 1024) < #piece then most = math.max(most, resident()) end
  end
  return total, most
end

describe("a large body", function()
  it("is sent from a file in constant memory", async(function()
    local dir <close> = process.tempdir()
    local path = dir:write("big", "")
    assert(os.execute(("truncate -s %d %s"):format(SIZE, process.quote(path))))
    local most
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        local total
        total, most = drain(req)
        return req:answer(200, nil, tostring(total))
      end,
    }
    local tenant <close> = fake:tenant()
    collectgarbage()
    local before = resident()
    local answer = assert(tenant:call { to = "/http/x", body = { file = path }, timeout = "5m" })
    assert.equal(tostring(SIZE), answer.body)
    assert.is_true(most - before < ROOM, ("%d MiB more"):format((most - before) >> 20))
  end, { limit = 300 }))

  it("is saved to a file in constant memory", async(function()
    local dir <close> = process.tempdir()
    local piece = ("x"):rep(1 << 20)
    local most = 0
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        req:begin(200, nil, SIZE)
        for i = 1, SIZE // #piece do
          if not req:write(piece) then return end
          if i % 64 == 0 then most = math.max(most, resident()) end
        end
        return req:finish()
      end,
    }
    local tenant <close> = fake:tenant()
    collectgarbage()
    local before = resident()
    local answer = assert(tenant:call { to = "/http/x", save = dir:file "big", timeout = "5m" })
    assert.equal(SIZE, answer.saved)
    assert.equal(SIZE, assert(core.file.stat(dir:file "big")).size)
    assert.is_true(most - before < ROOM, ("%d MiB more"):format((most - before) >> 20))
  end, { limit = 300 }))
end)
