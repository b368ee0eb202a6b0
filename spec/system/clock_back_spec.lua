-- A wall clock that is set back by hours under a running service: what waits for its next attempt
-- does not wait for hours. In stock builds only: a sanitizer wants to be preloaded first.
local async = require "spec.support.async"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

local function preload(dir)
  local library = dir:file "clock_back.so"
  assert.equal(0, process.run({ "cc", "-shared", "-fPIC", "-o", library,
    "spec/support/clock_back.c" }).code)
  return library
end

describe("a wall clock that is set back by hours #stock", function()
  it("delays no message that waits for its next attempt", async(function()
    local place <close> = serve.place { runtime = function(req, n)
      if n == 1 then return req:answer(502, {}, "not yet") end
      return req:answer(200, {}, "ok")
    end }
    local library = preload(place.dir)
    place:script("orders.lua", [[
local iflow = require "iflow"
iflow.sender "orders" { to = "/http/orders", idempotent = true,
  retry = iflow.retry { first = "2s", max = "2s", jitter = "none", attempts = 3 } }
]])
    place:store(1)
    local service <close> = place:serve("orders.lua", { LD_PRELOAD = library,
      IFLOW_CLOCK_BACK = place.dir:file "back" })
    process.wait_for("the first attempt", function() return #place.received == 1 end)
    place.dir:write("back", "")
    process.wait_for("the second attempt", function() return #place.received == 2 end)
    assert.equal(0, service:stop().code)
    assert.equal(1, place:with_box(function(box) return box:counts().delivered end))
  end))
end)
