-- Which errors of iflow call and iflow token name the doctor.
local errors = require "iflow.error"
local with_doctor = require "iflow.cli.doctor_hint"

local function hint_of(fields, to)
  fields.message = "it failed"
  return with_doctor(errors(fields), to).hint or ""
end

describe("the hint of a failed call", function()
  it("names the doctor where that knows more", function()
    for _, code in ipairs { "token.rejected", "tls.untrusted", "net.dns", "call.unauthorized",
      "call.forbidden", "call.not_found" } do
      local hint = hint_of({ code = code, hint = "first this" }, "/http/orders")
      assert.is_truthy(hint:find("^first this; iflow check /http/orders, "), code)
    end
  end)

  it("does not where a flow has answered, or the words are wrong", function()
    for _, code in ipairs { "call.rejected", "call.in_doubt", "usage.invalid", "file.not_found" } do
      assert.is_nil(hint_of({ code = code }, "/http/orders"):find("iflow check", 1, true), code)
    end
    assert.is_nil(hint_of({ code = "call.forbidden", message_id = "AGd" }):find("iflow check", 1,
      true))
  end)

  it("has no word that a shell would change", function()
    local hint = hint_of({ code = "net.dns" }, "/http/orders?x=$(id)")
    assert.is_nil(hint:find("$", 1, true))
  end)
end)
