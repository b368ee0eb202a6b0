-- What is shown while messages are sent.
local async = require "spec.support.async"
local core = require "iflow.core"
local new_progress = require "iflow.sender.progress"
local new_summary = require "iflow.sender.summary"

local function progress_of(counts, options)
  local summary = new_summary()
  summary.started = core.task.monotonic() - 10
  for name, value in pairs(counts) do summary[name] = value end
  return new_progress("orders", summary, options), summary
end

describe("the progress of a run", function()
  it("shows count, rate, failures, share and what is left", async(function()
    local progress <close> = progress_of({ delivered = 1234567, rejected = 3, in_doubt = 1,
      retryable = 1 }, { fraction = function() return 0.25 end })
    assert.matches("^1,234,567 delivered, %d+/s, 5 failed, 25 %%, 30 s left$", progress:text())
  end))

  it("shows less when less is known", async(function()
    local progress <close> = progress_of({ delivered = 5 }, {})
    assert.matches("^5 delivered, [01]/s$", progress:text())
    local counted <close> = progress_of({ delivered = 50 }, { total = 200 })
    assert.matches("25 %%, 30 s left$", counted:text())
    local read <close> = progress_of({ delivered = 5 }, { fraction = function() return 1 end })
    assert.matches("^5 delivered, [01]/s$", read:text()) -- all was read, not all sent
  end))

  it("is a line of the log where nobody looks", async(function()
    core.log.capture(true)
    local level = core.log.level "error"
    local progress <close> = progress_of({ delivered = 5 }, {})
    progress.terminal = false
    progress:show()
    assert.matches("info  sender:      orders: 5 delivered", core.log.captured())
    assert.equal("error", core.log.level(level))
    core.log.capture(false)
  end))
end)

describe("a summary", function()
  it("ends with the exit code of the worst", function()
    local function code(counts)
      local summary = new_summary()
      for name, value in pairs(counts) do summary[name] = value end
      return summary:exit_code()
    end
    assert.equal(0, code { delivered = 3 })
    assert.equal(0, code {})
    assert.equal(4, code { delivered = 3, retryable = 1 })
    assert.equal(1, code { delivered = 3, retryable = 1, rejected = 1 })
    assert.equal(5, code { delivered = 3, retryable = 1, rejected = 1, in_doubt = 1 })
    assert.equal(3, code { rejected = 3, refused = 1 })
    assert.equal(1, code { delivered = 1, rejected = 3, refused = 1 })
    assert.equal(3, code { stopped = { code = "token.rejected" } })
    assert.equal(2, code { stopped = { code = "cert.missing" } })
  end)
end)
