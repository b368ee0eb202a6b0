local mpl = require "iflow.sandbox.mpl"

local function fixed(bytes) return function(n) return bytes:rep(n):sub(1, n) end end

describe("mpl.id", function()
  it("has 28 characters of base64url and starts with AG for a present second", function()
    local id = mpl.id(1790000000, fixed "\xff" (16))
    assert.equal(28, #id)
    assert.matches("^AG[%w_-]+$", id)
  end)

  it("carries the second it was made", function()
    assert.equal(1790000000, mpl.created(mpl.id(1790000000, fixed "x" (16))))
    assert.equal(0xffffffff, mpl.created(mpl.id(0xffffffff, fixed "\0" (16))))
  end)

  it("is of the form of the ids SAP prints", function()
    assert.equal(1600862218, mpl.created "AF9rOAp4C34Vo-gN4RDd50ZIHTFz") -- 2020-09-23 11:56:58
    assert.equal(28, #"AGn4UgBohP2kaoL0qlLJX4tBIh3h")
    assert.is_truthy(mpl.created "AGn4UgBohP2kaoL0qlLJX4tBIh3h")
  end)
end)

describe("mpl.created", function()
  it("gives nil for what is no id", function()
    for _, text in ipairs { "", "AGn4", ("A"):rep(29), "AGn4UgBohP2kaoL0qlLJX4tBIh3!",
                            "gGn4UgBohP2kaoL0qlLJX4tBIh3h" } do
      assert.is_nil(mpl.created(text))
    end
    assert.is_nil(mpl.created(nil))
  end)
end)

describe("the log", function()
  local function new(limit)
    local clock, count = 1000.5, 0
    local log = mpl.new({ now = function() return clock end, random = function(n)
      local bytes = {}
      for i = 1, n // 8 do bytes[i] = string.pack(">I8", count + i) end
      count = count + #bytes
      return table.concat(bytes)
    end }, limit)
    return log, function(seconds) clock = clock + seconds end
  end

  it("opens a run as PROCESSING and ends it with its outcome", function()
    local log, pass = new(10)
    local entry = log:open { flow = "orders", sender = "me" }
    assert.equal("PROCESSING", log:list()[1].status)
    pass(2)
    log:finish(entry, "FAILED", 500, "boom")
    local listed = log:list()[1]
    assert.equal("FAILED", listed.status)
    assert.equal(500, listed.http_status)
    assert.equal("boom", listed.error)
    assert.equal(2, listed.ended - listed.started)
    assert.equal(entry.id, listed.id)
    assert.not_equal(listed.id, listed.correlation_id)
  end)

  it("keeps a given correlation id", function()
    local log = new(10)
    assert.equal("x", log:open { correlation_id = "x" }.correlation_id)
  end)

  it("forgets the oldest beyond its limit", function()
    local log = new(3)
    for i = 1, 5 do log:open { flow = "f" .. i } end
    local names = {}
    for i, entry in ipairs(log:list()) do names[i] = entry.flow end
    assert.same({ "f3", "f4", "f5" }, names)
  end)

  it("hands out copies", function()
    local log = new(3)
    log:open { flow = "f" }
    log:list()[1].flow = "changed"
    assert.equal("f", log:list()[1].flow)
  end)
end)
