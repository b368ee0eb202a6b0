local sessions = require "iflow.sandbox.runtime.sessions"

local function new()
  local clock, count = 0, 0
  local deps = { now = function() return clock end, random = function(n)
    count = count + 1
    return string.pack(">I8", count):rep(2):sub(1, n)
  end }
  return sessions.new(deps, { session_idle = 100 }), function(seconds) clock = clock + seconds end
end

describe("a session", function()
  it("is found by its id and user", function()
    local list = new()
    local session = list:open "me"
    assert.equal(session, list:find(session.id, "me"))
    assert.is_nil(list:find(session.id, "you"))
    assert.is_nil(list:find("0", "me"))
    assert.is_nil(list:find(nil, "me"))
    assert.matches("^%x+$", session.token)
  end)

  it("ends when it idles too long, and lives while it is used", function()
    local list, pass = new()
    local session = list:open "me"
    pass(90)
    assert(list:find(session.id, "me"))
    pass(90)
    assert(list:find(session.id, "me"))
    pass(101)
    assert.is_nil(list:find(session.id, "me"))
    assert.equal(0, list.count)
  end)

  it("gives way to a new one when there are too many, the longest idle first", function()
    local list, pass = new()
    local first = list:open "me"
    pass(1)
    local second = list:open "me"
    for _ = 1, 9998 do list:open "me" end
    assert(list:open "me")
    assert.equal(10000, list.count)
    assert.is_nil(list:find(first.id, "me"))
    assert(list:find(second.id, "me"))
  end)
end)
