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

  it("keeps what is neither, for a person to mend, and does not send it as it is", function()
    local path = dir:file "lost"
    local writer = rejects.writer(path, "s")
    local cyclic = { "a\xff", [2] = 0 / 0, [3] = print }
    cyclic[4] = cyclic
    writer:add(message.new { data = { name = "M\xfcller", list = cyclic, [5] = 1 } }, err, 2)
    writer:add(message.new { body = function() end, headers = { H = "\xff" } }, err, 1)
    writer:close()
    local lines = {}
    for line in io.lines(path) do lines[#lines + 1] = assert(iflow.json.decode(line)) end
    assert.matches("data cannot be written as they were", lines[1].lost)
    assert.equal("M\u{FFFD}ller", lines[1].message.data.name)
    assert.equal("a\u{FFFD}", lines[1].message.data.list[1])
    assert.equal(1, lines[1].message.data["5"])
    assert.matches("stream", lines[2].lost)
    local list, why = rejects.read(path)
    assert.is_nil(list)
    assert.matches("lost:1: .*remove the field 'lost'", why.message)
  end)

  it("takes null for what is not there", function()
    local path = dir:write("nulls", '{"step":null,"message":{"id":null,"headers":null,"body":"x",'
      .. '"content_type":null,"source":null}}')
    local entry = assert(rejects.read(path))[1]
    assert.is_nil(entry.step)
    assert.is_nil(entry.message.id)
    assert.equal("x", entry.message.body)
  end)

  it("that was damaged is refused with its line", function()
    for text, expected in pairs {
      ['{"step":"2","message":{"body":"x"}}'] = "'step'",
      ['{"step":0,"message":{"body":"x"}}'] = "'step'",
      ['{"outcome":"in doubt","message":{"body":"x"}}'] = "'outcome'",
      ['{"message":{"body":"x","id":5}}'] = "'id' must be a text",
      ['{"message":{"body":"x","headers":5}}'] = "'headers'",
      ['{"message":{"body_base64":"?"}}'] = "no base64",
      ['{"message":{"body_file":5}}'] = "'body_file'",
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
