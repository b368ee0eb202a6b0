local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local iflow = require "iflow"

local file = core.file

-- A runtime that answers with the body; the first `refusals` calls with 401.
local function echo(refusals)
  return fake_tenant.start {
    runtime = function(req, n)
      local body = req:body()
      if not body then return req:abort() end
      if n <= (refusals or 0) then return req:answer(401) end
      local how = req.headers["transfer-encoding"] or req.headers["content-length"]
      return req:answer(200, { ["X-How"] = how }, body)
    end,
  }
end

local function tempfile(text)
  local dir = assert(file.tempdir())
  local path = dir .. "/file"
  if text then assert(file.write(path, text)) end
  return setmetatable({ path = path, dir = dir }, {
    __close = function() assert(file.remove(dir, { recursive = true })) end,
  })
end

-- An iterator over the pieces, which counts how far it got.
local function pieces_of(list, state)
  local i = 0
  return function()
    i = i + 1
    if state then state.taken = i end
    return list[i]
  end
end

local function call(fake, options)
  local tenant <close> = fake:tenant()
  local own = { to = "/http/orders", csrf = false }
  for name, value in pairs(options) do own[name] = value end
  return tenant:call(own)
end

describe("a body from a file", function()
  it("is sent with its length, and again by a repair", async(function()
    local text = ("0123456789"):rep(100000)
    local source <close> = tempfile(text)
    local fake <close> = echo(1)
    local answer = assert(call(fake, { body = { file = source.path } }))
    assert.equal(text, answer.body)
    assert.equal(tostring(#text), answer.headers["x-how"])
    assert.equal(1, answer.repairs)
  end))

  it("may be empty", async(function()
    local source <close> = tempfile ""
    local fake <close> = echo()
    assert.equal("", assert(call(fake, { body = { file = source.path } })).body)
  end))
end)

describe("a body from an iterator", function()
  it("is sent chunked", async(function()
    local fake <close> = echo()
    local answer = assert(call(fake, { body = pieces_of { "one ", "", "two ", "three" } }))
    assert.equal("one two three", answer.body)
    assert.equal("chunked", answer.headers["x-how"])
  end))

  it("that gives nothing but empty pieces keeps nobody waiting", async(function()
    local fake <close> = echo()
    local ticks = 0
    local ticker <close> = iflow.spawn(function()
      while true do ticks = ticks + 1; iflow.sleep(0.01) end
    end)
    local answer, err = call(fake, { body = function() return "" end, timeout = 0.3 })
    ticker:cancel()
    ticker:join()
    assert.is_nil(answer)
    assert.equal("net.timeout", err.cause and err.cause.code or err.code)
    assert.is_true(ticks > 3)
  end))

  it("may be empty, and large", async(function()
    local fake <close> = echo()
    assert.equal("", assert(call(fake, { body = pieces_of {} })).body)
    local big = {}
    for i = 1, 64 do big[i] = string.char(64 + i):rep(65536) end
    assert.equal(table.concat(big), assert(call(fake, { body = pieces_of(big) })).body)
  end))

  it("may wait for its pieces", async(function()
    local fake <close> = echo()
    local channel = iflow.channel(1)
    iflow.spawn(function()
      for i = 1, 5 do
        iflow.sleep(0.005)
        channel:send(tostring(i))
      end
      channel:close()
    end)
    assert.equal("12345", assert(call(fake, { body = (channel:values()) })).body)
  end))

  it("runs in the task that makes the call", async(function()
    local fake <close> = echo()
    local me, seen = iflow.current(), nil
    assert(call(fake, { body = function() seen = iflow.current() end }))
    assert.equal(me, seen)
  end))

  it("raises what the iterator raises, and frees everything", async(function()
    local fake <close> = echo()
    local n = 0
    local ok, err = pcall(call, fake, {
      body = function()
        n = n + 1
        if n == 3 then error("no more", 0) end
        return "x"
      end,
    })
    assert.is_false(ok)
    assert.equal("no more", err)
    ok, err = pcall(call, fake, { body = function() return 7 end })
    assert.is_false(ok)
    assert.matches("body_spec%.lua:%d+: a body's iterator must give strings", err)
    assert.error_matches(function() call(fake, { body = pieces_of { "x", 7 } }) end, "strings")
  end))

  it("returns the error that the iterator returns", async(function()
    local fake <close> = echo()
    for at = 1, 2 do
      local n = 0
      local answer, err = call(fake, {
        body = function()
          n = n + 1
          if n == at then return nil, "the disk is gone" end
          return "x"
        end,
      })
      assert.is_nil(answer)
      assert.equal("call.body_failed", err.code)
      assert.equal("rejected", err.outcome)
      assert.equal("the disk is gone", err.cause)
    end
  end))

  it("ends when an answer comes early", async(function()
    local fake <close> = fake_tenant.start { runtime = function(req) return req:answer(413) end }
    local n = 0
    local _, err = call(fake, {
      body = function()
        n = n + 1
        if n > 20000 then return nil end
        return ("x"):rep(65536)
      end,
    })
    assert.equal("call.too_large", err.code)
    assert.is_true(n < 20000)
  end))

  it("is not taken before a 401 that comes instead of 100 Continue", async(function()
    local state = {}
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        if req.headers.authorization == "Bearer token-1" then return req:answer(401) end
        return req:answer(200, nil, req:body())
      end,
    }
    local answer = assert(call(fake, { body = pieces_of({ "one", "two" }, state) }))
    assert.equal("onetwo", answer.body)
    assert.equal(1, answer.repairs)
  end))

  it("is not repeated once bytes were taken, and the token is fresh for the next try",
    async(function()
      local fake <close> = echo(1)
      local tenant <close> = fake:tenant()
      local answer, err = tenant:call { to = "/http/x", body = pieces_of { "x" }, csrf = false }
      assert.is_nil(answer)
      assert.equal("call.body_not_repeatable", err.code)
      assert.equal(401, err.status)
      assert.equal(0, assert(tenant:call { to = "/http/x", body = pieces_of { "x" } }).repairs)
      assert.equal(2, fake.tokens)
    end))

  it("keeps a piece that was asked for, but comes after the repair has begun", async(function()
    local fake <close> = fake_tenant.start {
      runtime = function(req, n)
        if n > 1 then return req:answer(200, nil, req:body()) end
        iflow.sleep(1.2) -- longer than anybody waits for 100 Continue
        return req:answer(401)
      end,
    }
    local n = 0
    local answer = assert(call(fake, { body = function()
      n = n + 1
      if n == 2 then iflow.sleep(1.4) end
      return ({ "", "one", "two" })[n]
    end }))
    assert.equal("onetwo", answer.body)
    assert.equal(1, answer.repairs)
  end))

  it("gets its CSRF token before the first byte", async(function()
    local methods = {}
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        methods[#methods + 1] = req.method
        if req.method == "GET" then return req:answer(200, { ["X-CSRF-Token"] = "csrf" }) end
        local body = req:body()
        if req.headers["x-csrf-token"] == "csrf" then return req:answer(200, nil, body) end
        return req:answer(403, { ["X-CSRF-Token"] = "required" })
      end,
    }
    local tenant <close> = fake:tenant()
    for _ = 1, 2 do
      assert.equal("ab", assert(tenant:call { to = "/http/x", body = pieces_of { "a", "b" } }).body)
    end
    assert.same({ "GET", "POST", "POST" }, methods)
  end))
end)

describe("a body from a function that returns a fresh iterator", function()
  it("is repeated by a repair", async(function()
    local made = 0
    local fake <close> = echo(1)
    local answer = assert(call(fake, {
      body = function()
        made = made + 1
        return pieces_of { "one ", "two" }
      end,
    }))
    assert.equal("one two", answer.body)
    assert.equal(1, answer.repairs)
    assert.equal(2, made)
  end))

  it("raises when it gives something else the second time", async(function()
    local made = 0
    local fake <close> = echo(1)
    assert.error_matches(function()
      call(fake, {
        body = function()
          made = made + 1
          return made == 1 and pieces_of { "x" } or nil
        end,
      })
    end, "fresh iterator")
  end))
end)

describe("an answer saved to a file", function()
  it("is complete there, with the usual mode, and replaces what was there", async(function()
    local text = ("0123456789"):rep(100000)
    local target <close> = tempfile "old"
    local fake <close> = echo()
    local answer = assert(call(fake, { body = text, save = target.path }))
    assert.equal(#text, answer.saved)
    assert.equal("", answer.body)
    assert.equal(text, assert(file.read(target.path)))
    assert.same({ "file" }, file.list(target.dir))
  end))

  it("leaves what was there when the call fails", async(function()
    local target <close> = tempfile "old"
    local fake <close> = fake_tenant.start {
      runtime = function(req, n)
        if n == 1 then return req:answer(500, nil, "no") end
        req:begin(200, nil, 1000)
        req:write "half"
        req:abort()
      end,
    }
    local _, err = call(fake, { save = target.path })
    assert.equal("no", err.body)
    _, err = call(fake, { save = target.path })
    assert.equal("in_doubt", err.outcome)
    assert.equal("old", assert(file.read(target.path)))
    assert.same({ "file" }, file.list(target.dir))
  end))

  it("goes to a device in place", async(function()
    local fake <close> = echo()
    assert.equal(1, assert(call(fake, { body = "x", save = "/dev/null" })).saved)
    assert.not_equal("file", assert(file.stat "/dev/null").kind)
  end))
end)
