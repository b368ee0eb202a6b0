local core = require "iflow.core"

local secret = core.secret

local function file_with(text)
  local path = os.tmpname()
  assert(core.file.write(path, text, "0600"))
  return path
end

describe("secret.new", function()
  it("prints as its fingerprint and reveals on request", function()
    local s = secret.new "s3cr\0t"
    assert.matches("^secret:%x%x%x%x%x%x%x%x$", tostring(s))
    assert.equal("s3cr\0t", s:reveal())
    assert.equal(6, #s)
    assert.equal("", secret.new(""):reveal())
  end)

  it("is equal by value", function()
    assert.is_true(secret.new "a" == secret.new "a")
    assert.is_false(secret.new "a" == secret.new "b")
    assert.is_false(secret.new "a" == secret.new "aa")
    assert.equal(tostring(secret.new "a"), tostring(secret.new "a"))
    assert.not_equal(tostring(secret.new "a"), tostring(secret.new "b"))
  end)

  it("takes strings only, and has no field to read", function()
    assert.error_matches(function() secret.new(5) end, "string expected")
    local s = secret.new "x"
    assert.is_nil(s.value)
    assert.is_false(getmetatable(s))
    assert.error_matches(function() return s .. "" end, "concatenate")
  end)
end)

describe("secret.file", function()
  it("takes the first line, whatever ends it", function()
    for _, text in ipairs { "geheim", "geheim\n", "geheim\r\n", "geheim\nmore\n" } do
      local path = file_with(text)
      assert.equal("geheim", assert(secret.file(path)):reveal())
      os.remove(path)
    end
  end)

  it("refuses an empty line and a missing file", function()
    local path = file_with "\nsecond"
    local s, err = secret.file(path)
    os.remove(path)
    assert.is_nil(s)
    assert.equal("usage.invalid", err.code)
    assert.matches(path, err.message, 1, true)
    assert.equal("file.not_found", select(2, secret.file(path)).code)
  end)
end)
