local suggest = require "iflow.suggest"

local words = { "timeout", "connect_timeout", "proxy", "passphrase", "url", "to" }

describe("suggest.nearest", function()
  it("finds what was meant", function()
    for typed, meant in pairs {
      tiemout = "timeout", timeuot = "timeout", TIMEOUT = "timeout", proxi = "proxy",
      urll = "url", pass = "passphrase", connect_timeot = "connect_timeout", timeout = "timeout",
    } do
      assert.equal(meant, suggest.nearest(typed, words), typed)
    end
  end)

  it("finds nothing when nothing is near", function()
    for _, typed in ipairs { "", "x", "zzzzzz", "method", "u", ("a"):rep(1000) } do
      assert.is_nil(suggest.nearest(typed, words), typed)
    end
    assert.is_nil(suggest.nearest("timeout", {}))
  end)
end)

describe("suggest.message", function()
  it("completes a text only when a word is near", function()
    assert.equal("bad, did you mean 'proxy'?", suggest.message("bad", "proxi", words))
    assert.equal("bad", suggest.message("bad", "zzzzzz", words))
    assert.equal("bad", suggest.message("bad", 5, words))
  end)
end)

describe("suggest.check_keys", function()
  it("raises for an unknown name where it is told to", function()
    local function library(options) suggest.check_keys(options, words) end
    library { timeout = 1, "item" }
    local _, err = pcall(function() library { tiemout = 1 } end)
    assert.matches("suggest_spec.lua:%d+: unknown option 'tiemout', did you mean 'timeout'%?$", err)
    _, err = pcall(function() library { [1.5] = 1 } end)
    assert.matches("unknown option '1.5'$", err)
  end)
end)
