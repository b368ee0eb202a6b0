-- transforms.lua -- a chain of transforms on one input: what comes out, and what is rejected.
local assert = require "luassert"
local message = require "iflow.message"
local transform = require "iflow.transform"

local transforms = {}

--- An iterator of the text in pieces of n bytes.
function transforms.in_pieces(text, n)
  local at = 1
  return function()
    if at > #text then return nil end
    at = at + n
    return text:sub(at - n, at - 1)
  end
end

--- Runs the steps on a body (or a table of data, or a message): the list of messages that come out,
--- and the list of rejected ones { message =, err =, line =, record = }.
function transforms.run(steps, payload)
  local out, rejected = {}, {}
  local chain = transform.pipeline(transform.check(steps, 2), function(msg) out[#out + 1] = msg end,
    function(msg, err)
      rejected[#rejected + 1] = { message = msg, err = err, code = err.code, line = msg.source.line,
                                  record = msg.source.record }
    end)
  chain:push(message.of(payload, { file = "input" }))
  chain:finish()
  return out, rejected
end

--- The data (or the bodies) of messages.
function transforms.data(messages)
  local list = {}
  for at, msg in ipairs(messages) do
    if msg.data ~= nil then list[at] = msg.data else list[at] = assert(msg:text(1 << 30)) end
  end
  return list
end

--- The data of what comes out; fails when something is rejected. The input is given as a whole and,
--- when it is short, in pieces of every small size: the result must be the same.
function transforms.same_in_pieces(steps, text)
  local whole, bad = transforms.run(steps, text)
  local expected = transforms.data(whole)
  for n = 1, #text < 1000 and 9 or 0 do
    local out, also_bad = transforms.run(steps, transforms.in_pieces(text, n))
    assert.same(expected, transforms.data(out))
    assert.equal(#bad, #also_bad)
    for at, one in ipairs(bad) do
      assert.same({ one.code, one.line, one.record },
        { also_bad[at].code, also_bad[at].line, also_bad[at].record })
    end
    for at, msg in ipairs(whole) do assert.same(msg.source, out[at].source) end
  end
  return expected, bad, whole
end

return transforms
