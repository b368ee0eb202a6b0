local core = require "iflow.core"
local errors = require "iflow.error"

describe("iflow.error", function()
  it("makes an error whose hint and retryable come from the code", function()
    local err = errors { code = "token.rate_limited", message = "too many" }
    assert.is_true(errors.is(err))
    assert.is_true(err.retryable)
    assert.equal(errors.info("token.rate_limited").hint, err.hint)
    assert.equal("token.rate_limited: too many (" .. err.hint .. ")", tostring(err))
  end)

  it("keeps what is given, also false", function()
    local err = errors { code = "token.rate_limited", message = "m", hint = "", retryable = false }
    assert.is_false(err.retryable)
    assert.equal("token.rate_limited: m", tostring(err))
    err.status = 429
    assert.equal(429, err.status)
  end)

  it("takes codes of one's own", function()
    local err = errors { code = "orders.empty", message = "nothing to send" }
    assert.is_false(err.retryable)
    assert.is_nil(err.hint)
    assert.equal("orders.empty: nothing to send", tostring(err))
    assert.is_nil(errors.info("orders.empty"))
  end)

  it("joins into texts", function()
    local err = errors { code = "a.b", message = "m" }
    assert.equal("x a.b: m", "x " .. err)
    assert.equal("a.b: m x", err .. " x")
    assert.equal("a.b: ma.b: m", err .. err)
  end)

  it("raises without code or message, and for a table that is something else", function()
    assert.error_matches(function() errors { message = "m" } end, "needs a code")
    assert.error_matches(function() errors { code = "a.b" } end, "needs a message")
    assert.error_matches(function() errors(setmetatable({ code = "a", message = "b" }, {})) end,
      "plain table")
  end)

  it("hides its metatable", function()
    assert.is_false(getmetatable(errors { code = "a.b", message = "m" }))
  end)
end)

describe("iflow.error.is", function()
  it("knows errors from other values", function()
    for _, value in ipairs { 1, "x", {}, setmetatable({}, {}), print } do
      assert.is_false(errors.is(value))
    end
  end)
end)

describe("iflow.error.wrap", function()
  it("leaves an error as it is", function()
    local err = errors { code = "call.rejected", message = "m" }
    assert.equal(err, errors.wrap(err, "system.failed"))
  end)

  it("makes the message of text, and keeps other values as the cause", function()
    assert.equal("boom", errors.wrap("boom").message)
    assert.equal("script.failed", errors.wrap("boom").code)
    assert.equal("file.io", errors.wrap("boom", "file.io").code)
    local value = setmetatable({}, { __tostring = function() return "shown" end })
    assert.equal("shown", errors.wrap(value).message)
    assert.equal(value, errors.wrap(value).cause)
    assert.equal("nil", errors.wrap(nil).message)
  end)

  it("takes over what a plain table says", function()
    local own = errors.wrap { code = "orders.empty", message = "none", hint = "wait" }
    assert.same({ "orders.empty", "none", "wait", false },
      { own.code, own.message, own.hint, own.retryable })
    local known = errors.wrap { code = "token.rate_limited", message = "m" }
    assert.is_true(known.retryable)
    assert.equal(errors.info("token.rate_limited").hint, known.hint)
    assert.equal("script.failed", errors.wrap({ message = "m" }).code)
    for _, value in ipairs { {}, { message = 1 }, { code = "a.b" } } do
      assert.not_matches("table: 0x", errors.wrap(value).message)
      assert.equal(value, errors.wrap(value).cause)
    end
  end)

  it("raises for a code that is not in the list", function()
    assert.error_matches(function() errors.wrap("x", "no.such") end, "not a code")
  end)
end)

describe("iflow.error.codes", function()
  it("lists every code once, each with exit code and hint", function()
    local seen = {}
    for _, code in ipairs(errors.codes()) do
      assert.is_nil(seen[code], code)
      seen[code] = true
      local info = errors.info(code)
      assert.is_true(info.exit_code >= 1 and info.exit_code <= 5)
      assert.is_true(#info.hint > 0)
      assert.is_boolean(info.retryable)
      assert.matches("^[a-z_]+%.[a-z_]+$", code)
    end
    assert.is_true(seen["call.in_doubt"])
  end)
end)

describe("iflow.error.exit_code", function()
  it("is that of the design", function()
    assert.equal(5, errors.exit_code "call.in_doubt")
    assert.equal(3, errors.exit_code(errors { code = "token.rejected", message = "m" }))
    assert.equal(1, errors.exit_code "call.rejected")
    assert.equal(2, errors.exit_code "usage.invalid")
    assert.equal(4, errors.exit_code "orders.empty")
    assert.equal(4, errors.exit_code(nil))
  end)
end)

describe("an error of the C core", function()
  it("is one of these", function()
    local _, err = core.json.decode "["
    assert.is_true(errors.is(err))
    assert.equal("json.invalid", err.code)
    assert.is_false(err.retryable)
    assert.is_string(err.hint)
  end)
end)
