-- `iflow run SCRIPT --sender NAME`, within this process: what is written down of what was not
-- delivered, however the run ends. The words themselves: spec/cli/orders.t, spec/cli/again.t.
local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local fresh = require "spec.support.fresh"
local iflow = require "iflow"
local json = require "iflow.json"
local output = require "iflow.cli.output"
local process = require "spec.support.process"
local registry = require "iflow.registry"
local senders = require "iflow.cli.sender"

local dir
setup(function() dir = process.tempdir() end)
teardown(function() dir:close() end)
before_each(fresh.begin)
after_each(fresh.finish)

-- Keeps what would be printed: .text.
local function silent()
  local out = output.new("iflow run", false)
  out.text = ""
  local function keep(self, text) self.text = self.text .. text .. "\n" end
  out.print, out.note = keep, keep
  return out
end

local function sender_of(fake, options)
  options.service_key, options.token_cache = fake:key(), false
  options.to = "/http/x"
  return iflow.sender "s" (options)
end

local function entries_of(path)
  local list = {}
  for line in io.lines(path) do list[#list + 1] = assert(json.decode(line)) end
  return list
end

local function options() return { transform = { iflow.transform.lines {} }, concurrency = 2 } end

describe("a run that is interrupted", function()
  it("writes down what it has read and not delivered, and says where it was", async(function()
    local open = false
    local fake <close> = fake_tenant.start { runtime = function(req)
      local held = req:body() ~= "first"
      while held and not open do iflow.sleep(0.01) end
      return req:answer(200, {}, "")
    end }
    local sender, out, path = sender_of(fake, options()), silent(), dir:file "interrupted"
    local input = dir:write("input", "first\n" .. ("line\n"):rep(99))
    local running = core.task.spawn(function()
      senders.run(sender, { input = input, rejects = path }, out)
    end)
    process.wait_for("three calls", function() return fake.calls == 3 end)
    running:cancel()
    running:join()
    open = true
    local list = entries_of(path)
    assert.same({ "in_doubt", "in_doubt" }, { list[1].outcome, list[2].outcome })
    local last
    for i, entry in ipairs(list) do
      last = entry.message.source.line
      assert.equal(i + 1, last) -- the first one was delivered
      if i > 2 then assert.equal("retryable", entry.outcome) end
    end
    assert.is_true(last < 100)
    assert.is_truthy(out.text:find(("1 delivered, 0 rejected, 2 in doubt, %d left to retry"):format(
      #list - 2), 1, true), out.text)
    assert.is_truthy(out.text:find(("interrupted after %s:%d, what follows"):format(
      input, last), 1, true), out.text)
    sender:close()
  end))

  it("says where the input was left, whatever steps have collected of it", async(function()
    local open = false
    local fake <close> = fake_tenant.start { runtime = function(req)
      req:body()
      while not open do iflow.sleep(0.01) end
      return req:answer(200, {}, "")
    end }
    local out, path = silent(), dir:file "collected"
    local sender = sender_of(fake, { concurrency = 1, transform = {
      iflow.transform.json { lines = true }, iflow.transform.batch { count = 3 },
      iflow.transform.to_json {} } })
    local input = dir:write("input", ("[1]\n"):rep(100))
    local running = core.task.spawn(function()
      senders.run(sender, { input = input, rejects = path }, out)
    end)
    process.wait_for("a call", function() return fake.calls == 1 end)
    running:cancel()
    running:join()
    open = true
    local records = 0
    for _, entry in ipairs(entries_of(path)) do records = records + #entry.message.data end
    assert.is_truthy(out.text:find(("interrupted after %s:%d"):format(input, records), 1, true),
      out.text)
    sender:close()
  end))

  it("keeps what it did not come to of an earlier file of rejects", async(function()
    local open = false
    local fake <close> = fake_tenant.start { runtime = function(req)
      req:body()
      while not open do iflow.sleep(0.01) end
      return req:answer(200, {}, "")
    end }
    local sender, path = sender_of(fake, { concurrency = 1 }), dir:file "rest"
    local lines = {}
    for i = 1, 50 do lines[i] = ('{"message":{"body":"%d"}}'):format(i) end
    local earlier = dir:write("earlier", table.concat(lines, "\n"))
    local running = core.task.spawn(function()
      senders.run(sender, { again = earlier, rejects = path }, silent())
    end)
    process.wait_for("a call", function() return fake.calls == 1 end)
    running:cancel()
    running:join()
    open = true
    local list = entries_of(path)
    assert.equal(50, #list)
    for i, entry in ipairs(list) do assert.equal(tostring(i), entry.message.body) end
    sender:close()
  end))
end)

describe("a file of rejects", function()
  local function run(fake, words, defined)
    local sender, out = sender_of(fake, defined or options()), silent()
    local code, err = senders.run(sender, words, out)
    sender:close()
    return code, err, out.text
  end

  it("that cannot be made is told before anything is sent", async(function()
    local fake <close> = fake_tenant.start {}
    local code, err = run(fake, { input = dir:write("one", "x\n"), rejects = "/no/such/place" })
    assert.is_nil(code)
    assert.equal("file.not_found", err.code)
    assert.equal(0, fake.calls)
  end))

  it("is gone when nothing was rejected", async(function()
    local fake <close> = fake_tenant.start { runtime = function(req) req:answer(200, {}, "") end }
    local path = dir:file "empty"
    assert.equal(0, run(fake, { input = dir:write("one", "x\n"), rejects = path }))
    assert.is_nil(io.open(path))
  end))

  it("is never overwritten", async(function()
    local fake <close> = fake_tenant.start { runtime = function(req) req:answer(400, {}, "") end }
    local path = dir:write("kept", '{"message":{"body":"from yesterday"}}')
    assert.equal(1, run(fake, { input = dir:write("one", "x\n"), rejects = path }))
    local list = entries_of(path)
    assert.same({ "from yesterday", "x" }, { list[1].message.body, list[2].message.body })
  end))

  it("gets what a limit leaves of an earlier one", async(function()
    local fake <close> = fake_tenant.start { runtime = function(req) req:answer(200, {}, "") end }
    local path = dir:file "left"
    local earlier = dir:write("earlier", '{"message":{"body":"1"}}\n{"message":{"body":"2"}}\n')
    local code, _, text = run(fake, { again = earlier, rejects = path, limit = 1 })
    assert.equal(0, code)
    assert.is_truthy(text:find("1 not delivered, written to", 1, true), text)
    assert.same({ "2" }, { entries_of(path)[1].message.body })
  end))

  it("is not that of another sender, or of another list of transforms", async(function()
    local fake <close> = fake_tenant.start {}
    for _, line in ipairs { '{"sender":"t","message":{"body":"x"}}',
                            '{"step":3,"message":{"body":"x"}}' } do
      registry.install(registry.new())
      local code, err = run(fake, { again = dir:write("other", line) })
      assert.is_nil(code)
      assert.equal("usage.invalid", err.code)
      assert.is_truthy(err.message:find(dir:file "other" .. ":1: ", 1, true), err.message)
    end
    assert.equal(0, fake.calls)
  end))

  it("counts what stays in doubt", async(function()
    local fake <close> = fake_tenant.start {}
    local path = dir:file "doubt"
    local line = '{"outcome":"in_doubt","message":{"body":"x"}}'
    assert.equal(5, run(fake, { again = dir:write("doubtful", line), rejects = path }))
    assert.equal("in_doubt", entries_of(path)[1].outcome)
    assert.equal(0, fake.calls)
  end))
end)
