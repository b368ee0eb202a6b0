local crypto = require("iflow.core").crypto

describe("crypto.random", function()
  it("gives as many bytes as asked for, and others each time", function()
    assert.equal(0, #crypto.random(0))
    assert.equal(32, #crypto.random(32))
    assert.not_equal(crypto.random(32), crypto.random(32))
  end)

  it("raises beyond its limits", function()
    assert.has_error(function() crypto.random(-1) end)
    assert.has_error(function() crypto.random((1 << 20) + 1) end)
  end)
end)

describe("crypto.sha256", function()
  it("agrees with the examples of FIPS 180-2", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      crypto.sha256 "abc")
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      crypto.sha256 "")
  end)
end)

describe("crypto.base64", function()
  local examples = { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
    fooba = "Zm9vYmE=", foobar = "Zm9vYmFy" }

  it("agrees with the examples of RFC 4648, in both directions", function()
    for bytes, text in pairs(examples) do
      assert.equal(text, crypto.base64(bytes))
      assert.equal(bytes, crypto.unbase64(text))
      assert.equal((text:gsub("=", "")), crypto.base64url(bytes))
    end
  end)

  it("carries every byte in both alphabets, with and without padding", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    local bytes = table.concat(all)
    for n = #bytes - 3, #bytes do
      local part = bytes:sub(1, n)
      assert.equal(part, crypto.unbase64(crypto.base64(part)))
      assert.equal(part, crypto.unbase64(crypto.base64url(part)))
      assert.is_nil(crypto.base64url(part):find "[+/=]")
    end
  end)

  it("gives nil for what is neither", function()
    for _, text in ipairs { "Z", "Zg=", "Zm9v=", "Zm 9v", "Zm9v\n", "Zm9*", "====", "\0" } do
      assert.is_nil(crypto.unbase64(text), ("%q"):format(text))
    end
  end)
end)

describe("crypto.uuid", function()
  it("has the form of version 4 and is never the same", function()
    local seen = {}
    for _ = 1, 100 do
      local id = crypto.uuid()
      assert.matches("^%x+%-%x+%-4%x%x%x%-[89ab]%x%x%x%-%x+$", id)
      assert.equal(36, #id)
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)
end)
