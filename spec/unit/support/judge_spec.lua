-- The judge of the harness sees what it is there for.
local judge = require "spec.support.harness.judge"
local process = require "spec.support.process"

-- A dead service's outbox with these states by id; the sender is the id's first word.
local function box_of(states)
  local list = {}
  for id, state in pairs(states) do
    list[#list + 1] = { id = id, state = state, sender = id:match "^%a+", number = #list + 1 }
  end
  return { list = function(_, filter) return filter.after == 0 and list or {} end }
end

describe("the judge", function()
  local dir, court
  before_each(function()
    dir = process.tempdir()
    dir:write("accepted", "")
    dir:write("arrivals", "")
    court = judge.new { accepted = dir:file "accepted", arrivals = dir:file "arrivals" }
  end)
  after_each(function()
    court:close()
    dir:close()
  end)

  local function say(name, ...)
    dir:write(name, table.concat({ dir:read(name), ... }, "\n"):gsub("^\n", "") .. "\n")
  end

  local function refuses(text, fn)
    local ok, err = pcall(fn)
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find(text, 1, true), tostring(err))
  end

  local function arrivals_of(sender, ...)
    for i, name in ipairs { ... } do
      local key, number = name:match "^(%w+)-(%d+)$"
      say("arrivals", ("%s log%d%s %s-%s %s %s"):format(sender, i, dir.path, sender, name, key,
        number))
    end
  end

  it("finds what is lost", function()
    say("accepted", "orders orders-a-1")
    refuses("orders-a-1 was accepted and is lost", function() court:look(box_of {}) end)
  end)

  it("finds what never arrived", function()
    refuses("never arrived", function()
      court:look(box_of { ["orders-a-1"] = "delivered" })
    end)
  end)

  it("finds what arrives after it was delivered", function()
    arrivals_of("orders", "a-1")
    local box = box_of { ["orders-a-1"] = "delivered" }
    court:look(box)
    arrivals_of("orders", "a-1")
    refuses("arrived again", function() court:look(box) end)
  end)

  it("finds duplicates that nothing explains", function()
    say("accepted", "orders orders-a-1")
    arrivals_of("orders", "a-1", "a-1")
    local box = box_of { ["orders-a-1"] = "delivered" }
    refuses("arrived 2 times", function() court:orders(box) end)
  end)

  it("knows those that were in flight, and those whose answer was cut", function()
    say("accepted", "orders orders-a-1")
    arrivals_of("orders", "a-1")
    court:look(box_of { ["orders-a-1"] = "ready" })
    arrivals_of("orders", "a-1", "a-1")
    say("arrivals", "cut log1" .. dir.path)
    assert.equal(2, court:orders(box_of { ["orders-a-1"] = "delivered" }))
  end)

  it("finds a number that overtook another", function()
    say("accepted", "orders orders-a-1", "orders orders-a-2")
    arrivals_of("orders", "a-2", "a-1")
    refuses("orders-a-2 arrived after number 0", function()
      court:orders(box_of { ["orders-a-1"] = "delivered", ["orders-a-2"] = "delivered" })
    end)
  end)

  it("finds payments that arrived twice, and those that nobody lists", function()
    say("accepted", "payments payments-a-1")
    arrivals_of("payments", "a-1")
    local box = box_of { ["payments-a-1"] = "in_doubt" }
    refuses("payments-a-1 is in_doubt", function() court:payments(box, {}) end)
    assert.equal(1, court:payments(box, { "payments-a-1" }))
    arrivals_of("payments", "a-1")
    refuses("arrived twice", function() court:payments(box, { "payments-a-1" }) end)
    court:retried(box_of { ["payments-a-1"] = "delivered" })
    arrivals_of("payments", "a-1")
    refuses("too often", function()
      court:retried(box_of { ["payments-a-1"] = "delivered" })
    end)
  end)

  it("finds lines of files under two ids, and one message too many", function()
    say("accepted", "drops drops-d1-1")
    say("arrivals", "drops log1 drops-u1 d1 1")
    refuses("Expected", function()
      court:drops(box_of { ["drops-u1"] = "delivered", ["drops-u2"] = "delivered" })
    end)
    say("arrivals", "drops log2 drops-u2 d1 1")
    refuses("two ids", function() court:read() end)
  end)
end)
