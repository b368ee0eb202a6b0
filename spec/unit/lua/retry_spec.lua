-- Retry policies by themselves: which errors, which waits.
local iflow = require "iflow"
local retry = require "iflow.retry"

local function about(attempt, elapsed, last_wait)
  return { attempt = attempt, elapsed = elapsed or 0, last_wait = last_wait }
end

local function failure(fields)
  fields.outcome = fields.outcome or "retryable"
  fields.code = fields.code or "call.unavailable"
  return fields
end

-- The waits of a policy for an error, until it gives up.
local function waits(policy, err)
  local list = {}
  for attempt = 1, 100 do
    local wait = policy:wait(err, about(attempt))
    if not wait then return list end
    list[attempt] = wait
  end
  error "it never gives up"
end

describe("the policy \"sap\"", function()
  local sap = retry.of(nil)

  it("is the default, and has a name", function()
    assert.equal(sap, retry.of "sap")
  end)

  -- best-practices-when-handling-access-tokens-8d39ef3.md
  it("waits as the table says", function()
    for status, expected in pairs {
      [408] = { 0.3, 0.6, 1.2 }, [502] = { 0.3, 0.6, 1.2 }, [504] = { 0.3, 0.6, 1.2 },
      [500] = { 1, 3, 9 }, [503] = { 1, 3, 9 },
    } do
      assert.same(expected, waits(sap, failure { status = status }), "status " .. status)
    end
    assert.same({ 0.3, 0.6, 1.2 }, waits(sap, failure { code = "net.connect" }))
  end)

  it("follows Retry-After, up to an hour", function()
    assert.same({ 20, 20, 20 }, waits(sap, failure { status = 429, retry_after = 20 }))
    assert.same({ 5, 5, 9 }, waits(sap, failure { status = 503, retry_after = 5 }))
    assert.same({ 3600, 3600, 3600 }, waits(sap, failure { status = 429, retry_after = 86400 }))
  end)

  it("repeats nothing that was rejected or is in doubt", function()
    assert.same({}, waits(sap, failure { status = 400, outcome = "rejected" }))
    assert.same({}, waits(sap, failure { status = 502, outcome = "in_doubt" }))
  end)
end)

it("the policy \"none\" repeats nothing", function()
  assert.same({}, waits(retry.of "none", failure { status = 503 }))
end)

describe("iflow.retry", function()
  it("grows by its factor up to its maximum, as many attempts as it has", function()
    local policy = iflow.retry { first = "1s", factor = 3, max = "20s", attempts = 6,
      jitter = "none" }
    assert.same({ 1, 3, 9, 20, 20 }, waits(policy, failure { status = 503 }))
    assert.equal(6, policy:limit())
  end)

  it("spreads by its jitter", function()
    local function all(jitter, last, low, high)
      local policy = iflow.retry { first = 8, factor = 1, max = 100, jitter = jitter }
      local least, most = math.huge, 0
      for _ = 1, 2000 do
        local wait = policy:wait(failure { status = 503 }, about(1, 0, last))
        assert.is_true(wait >= low and wait <= high, wait .. " by " .. tostring(jitter))
        least, most = math.min(least, wait), math.max(most, wait)
      end
      assert.is_true(least < low + (high - low) / 10 and most > high - (high - low) / 10)
    end
    all("full", nil, 0, 8)
    all("equal", nil, 4, 8)
    all("decorrelated", nil, 8, 24)
    all("decorrelated", 20, 8, 60)
    all("decorrelated", 90, 8, 100)
    all(nil, nil, 0, 8)
  end)

  it("never waits less than the answer asks, unless it is told to", function()
    local function wait(after, asked)
      local policy = iflow.retry { first = 1, jitter = "none", retry_after = after }
      return policy:wait(failure { status = 503, retry_after = asked }, about(1))
    end
    assert.equal(30, wait(nil, 30))
    assert.equal(30, wait(true, 30))
    assert.equal(10, wait("10s", 30))
    assert.equal(1, wait(false, 30))
    assert.equal(3600, wait(nil, 10000))
  end)

  it("ends at its deadline", function()
    local policy = iflow.retry { first = 10, factor = 1, jitter = "none", deadline = "1m" }
    local err = failure { status = 503 }
    assert.equal(10, policy:wait(err, about(2, 50)))
    assert.is_nil(policy:wait(err, about(2, 51)))
  end)

  it("takes only what `on` lists", function()
    local policy = iflow.retry { on = { 404, "5xx", "timeout", "connect", "call.csrf" } }
    local function taken(fields) return policy:wait(failure(fields), about(1)) ~= nil end
    assert.is_true(taken { status = 404, outcome = "rejected" })
    assert.is_true(taken { status = 502 })
    assert.is_false(taken { status = 429 })
    assert.is_true(taken { code = "net.stalled" })
    assert.is_true(taken { code = "net.dns" })
    assert.is_true(taken { code = "x", cause = { code = "net.timeout" } })
    assert.is_true(taken { code = "call.csrf", outcome = "rejected" })
    assert.is_false(taken { code = "net.reset" })
    assert.is_false(taken { status = 502, outcome = "in_doubt" })
  end)

  it("names what is wrong, at the line that is wrong", function()
    for text, options in pairs {
      ["unknown option 'frist', did you mean 'first'"] = { frist = 1 },
      ["'first' must be a number of seconds"] = { first = "soon" },
      ["'factor' must be a number from 1"] = { factor = 0.5 },
      ["'attempts' must be a whole number"] = { attempts = 2.5 },
      ["'jitter' must be .* did you mean 'equal'"] = { jitter = "equall" },
      ["'on' has no 'conect'.* did you mean 'connect'"] = { on = { "conect" } },
      ["'on' has no '999'"] = { on = { 999 } },
      ["'retry_after' must be"] = { retry_after = "x" },
    } do
      local ok, err = pcall(function() local _ = iflow.retry(options) end)
      assert.is_false(ok)
      assert.matches("^spec/unit/lua/retry_spec.lua:%d+: ", err)
      assert.matches(text, err)
    end
  end)
end)

describe("a function as policy", function()
  it("answers with words or a wait", function()
    local answer
    local policy = retry.of(function() return answer end)
    local err = failure { status = 503 }
    answer = "5m"
    assert.equal(300, policy:wait(err, about(1)))
    answer = iflow.retry_after "1h"
    assert.equal(3600, policy:wait(err, about(7)))
    for _, nothing in ipairs { false, iflow.done() } do
      answer = nothing or nil
      assert.same({}, { policy:wait(err, about(1)) })
    end
    answer = iflow.reject "enough"
    local wait, why = policy:wait(err, about(1))
    assert.is_nil(wait)
    assert.equal("message.rejected", why.code)
    assert.equal("enough", why.message)
    answer = {}
    assert.error_matches(function() policy:wait(err, about(1)) end, "the retry function returns")
  end)
end)
