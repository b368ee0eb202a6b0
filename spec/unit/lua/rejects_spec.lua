-- The file of what was not delivered: written, read, refused.
local async = require "spec.support.async"
local iflow = require "iflow"
local message = require "iflow.message"
local process = require "spec.support.process"
local rejects = require "iflow.sender.rejects"

local dir
setup(function() dir = process.tempdir() end)
teardown(function() dir:close() end)

local err = iflow.error { code = "transform.invalid", message = "no" }
err.outcome = "rejected"

-- What comes back of a message that was written.
local function again(msg, at)
  local path = dir:file("rejects-" .. math.random(1e9))
  local writer = rejects.writer(path, "s")
  writer:add(msg, err, at)
  writer:close()
  return assert(rejects.read(path))[1]
end

describe("a file of rejects", function()
  it("is made for the first one, for its user alone", function()
    local path = dir:file "modes"
    local writer <close> = rejects.writer(path, "s")
    assert.is_nil(io.open(path))
    writer:add(message.new { body = "x" }, err)
    assert.matches("^600", process.run({ "stat", "-c", "%a", path }).out)
    assert.equal(1, writer.count)
  end)

  it("keeps those that come while it is made for the first one", async(function()
    local path = dir:file "at-once"
    local writer = rejects.writer(path, "s")
    local tasks = {}
    for i = 1, 20 do
      tasks[i] = function() writer:add(message.new { body = "number " .. i }, err) end
    end
    iflow.all(tasks, { limit = 20 })
    writer:close()
    assert.equal(20, writer.count)
    assert.equal(20, #assert(rejects.read(path)))
  end))

  it("keeps a message as it came into the step that failed", function()
    local data = { a = 1, b = iflow.json.null, c = iflow.json.array {}, big = 2 ^ 53 | 0 }
    local entry = again(message.new { data = data, id = "i", headers = { H = "v" },
      source = { file = "f", line = 2 } }, 3)
    assert.equal(3, entry.step)
    assert.equal("i", entry.message.id)
    assert.equal("v", entry.message.headers.H)
    assert.equal("f:2", entry.message:where())
    assert.same({ 1, iflow.json.null, 2 ^ 53 | 0 },
      { entry.message.data.a, entry.message.data.b, entry.message.data.big })
    assert.equal("[]", iflow.json.encode(entry.message.data.c))
  end)

  it("prefers data to the bytes that were made of them", function()
    local msg = message.new { data = { a = 1 }, body = "{}" }
    msg.encoded_by = 2
    local entry = again(msg)
    assert.equal(2, entry.step)
    assert.same({ a = 1 }, entry.message.data)
    assert.is_nil(entry.message.body)
  end)

  it("keeps bytes of every kind", function()
    for _, body in ipairs { "text ü", "\xff\0\1", "", { file = "/tmp/x" } } do
      assert.same(body, again(message.new { body = body }).message.body)
    end
  end)

  it("keeps what data hold that JSON cannot as bytes", function()
    local msg = message.new { data = { print }, body = "b" }
    msg.encoded_by = 1
    local entry = again(msg)
    assert.is_nil(entry.step)
    assert.equal("b", entry.message.body)
  end)

  it("that was damaged is refused with its line", function()
    for text, expected in pairs {
      ["{}"] = "there is no 'message'", ["[1]"] = "there is no 'message'",
      ['{"message":{}}'] = "neither 'data' nor 'body'", ["{"] = ":2: ",
      ['{"message":{"body":5}}'] = "body of a message",
    } do
      local path = dir:write("bad", '{"message":{"body":"x"}}\n' .. text .. "\n")
      local list, why = rejects.read(path)
      assert.is_nil(list)
      assert.equal("usage.invalid", why.code)
      assert.matches(":2: ", why.message, 1, true)
      assert.is_truthy(why.message:find(expected, 1, true), why.message)
    end
    local _, why = rejects.read(dir:file "none")
    assert.equal("file.not_found", why.code)
  end)
end)
