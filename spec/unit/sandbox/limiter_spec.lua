local limiter = require "iflow.sandbox.limiter"

describe("a rate limit", function()
  it("lets a second's turns pass, then spaces them, then refuses", function()
    local limit, waits, refused = limiter.new(), {}, nil
    for i = 1, 9 do
      local wait, again = limit:take(100, 4, 3)
      waits[i] = wait or "no"
      refused = refused or again
    end
    assert.same({ 0, 0, 0, 0, 0.25, 0.5, 0.75, "no", "no" }, waits)
    assert.equal(1, refused)
  end)

  it("recovers with time", function()
    local limit = limiter.new()
    for _ = 1, 4 do assert.equal(0, limit:take(100, 4, 0)) end
    assert.is_nil((limit:take(100, 4, 0)))
    assert.equal(0, limit:take(100.25, 4, 0))
    assert.is_nil((limit:take(100.25, 4, 0)))
    for _ = 1, 4 do assert.equal(0, limit:take(200, 4, 0)) end
  end)

  it("is none with the rate 0", function()
    local limit = limiter.new()
    for _ = 1, 1000 do assert.equal(0, limit:take(1, 0, 0)) end
  end)
end)
