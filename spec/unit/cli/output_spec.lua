local core = require "iflow.core"
local output = require "iflow.cli.output"

-- Runs fn(out) with both streams caught: standard output, standard error, fn's result.
local function caught(json_mode, fn)
  local texts = { out = "", err = "" }
  local function stream(name)
    return { flush = function() end, write = function(_, ...)
      texts[name] = texts[name] .. table.concat { ... }
    end }
  end
  local stdout, stderr = io.stdout, io.stderr
  io.stdout, io.stderr = stream "out", stream "err" -- luacheck: ignore 122
  local ok, result = pcall(fn, output.new("iflow spec", json_mode))
  io.stdout, io.stderr = stdout, stderr -- luacheck: ignore 122
  assert(ok, result)
  return texts.out, texts.err, result
end

describe("output:table", function()
  local columns = { "name", "tries", "next time" }
  local rows = { { "Müller", 1, "now" }, { "x", 12 } }

  it("lines up columns, numbers at the right, by characters", function()
    assert.equal("name    tries  next time\nMüller      1  now\nx          12  -\n",
      (caught(false, function(out) out:table(columns, rows) end)))
  end)

  it("prints the titles of an empty table", function()
    assert.equal("name  tries  next time\n",
      (caught(false, function(out) out:table(columns, {}) end)))
  end)

  it("is a list of objects in JSON", function()
    local text = caught(true, function(out) out:table(columns, rows) end)
    assert.same({ { name = "Müller", tries = 1, next_time = "now" }, { name = "x", tries = 12 } },
      core.json.decode(text))
    assert.equal("[]\n", (caught(true, function(out) out:table(columns, {}) end)))
  end)
end)

describe("output:result", function()
  it("is the text or the value, never both", function()
    local function result(out) out:result(function() out:print "text" end, { a = 1 }) end
    assert.equal("text\n", (caught(false, result)))
    assert.equal('{"a":1}\n', (caught(true, result)))
  end)
end)

describe("output:fail", function()
  local function err(more)
    local t = { code = "call.unavailable", message = "not now", hint = "wait", retry_after = 3 }
    for key, value in pairs(more or {}) do t[key] = value end
    return core.error.make(t)
  end

  it("explains on standard error and returns the exit code", function()
    local out, text, code = caught(false, function(o) return o:fail(err { message_id = "AGx" }) end)
    assert.equal("", out)
    for _, part in ipairs { "call.unavailable", "not now", "wait", "AGx", "3 s" } do
      assert.truthy(text:find(part, 1, true), part)
    end
    assert.equal(4, code)
  end)

  it("is an object on standard output with --json", function()
    local out, text, code = caught(true, function(o)
      return o:fail(err { status = 503, cause = { secret = 1 } })
    end)
    assert.equal("", text)
    assert.same({ error = { code = "call.unavailable", message = "not now", hint = "wait",
      retryable = true, retry_after = 3, status = 503 } }, core.json.decode(out))
    assert.equal(4, code)
  end)

  it("stays JSON whatever a peer sent", function()
    local out = caught(true, function(o)
      return o:fail(err { body = "caf\xe9", message_id = "AG\xff" })
    end)
    local got = core.json.decode(out).error
    assert.same({ "caf?", "AG?" }, { got.body, got.message_id })
  end)

  it("has an exit code for every known code and for foreign ones", function()
    local o = output.new "iflow spec"
    for _, code in ipairs(core.error.codes()) do
      assert.equal(core.error.info(code).exit_code, o:exit_code { code = code })
    end
    assert.equal(5, o:exit_code { code = "net.timeout", outcome = "in_doubt" })
    assert.equal(4, o:exit_code { code = "mine", retryable = true })
    assert.equal(1, o:exit_code { code = "mine" })
  end)
end)
