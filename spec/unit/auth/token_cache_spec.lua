local async = require "spec.support.async"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local iflow = require "iflow"

local file = core.file

-- A directory that goes with its scope.
local function tempdir()
  local path = assert(file.tempdir())
  return setmetatable({ path = path }, {
    __close = function() assert(file.remove(path, { recursive = true })) end,
  })
end

local function names(dir, suffix)
  local found = {}
  for _, name in ipairs(assert(file.list(dir))) do
    if name:sub(-#suffix) == suffix then found[#found + 1] = dir .. "/" .. name end
  end
  return found
end

-- The file of a directory in which one token is kept.
local function kept_file(dir)
  local found = names(dir, ".token")
  assert.equal(1, #found)
  return found[1]
end

-- One run of a sender: a tenant of its own, one token.
local function run(fake, dir, options)
  local own = { token_cache = dir }
  for name, value in pairs(options or {}) do own[name] = value end
  local tenant <close> = fake:tenant(own)
  return assert(tenant:token()).access:reveal()
end

describe("the token cache", function()
  it("lets the next run use the token", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    assert.equal("token-1", run(fake, dir.path .. "/deep/er"))
    kept_file(dir.path .. "/deep/er")
    assert.equal("token-1", run(fake, dir.path .. "/deep/er"))
    assert.equal(1, fake.tokens)
  end))

  it("is passed over when a new token is asked for", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    assert.equal("token-1", run(fake, dir.path))
    local tenant <close> = fake:tenant { token_cache = dir.path }
    assert.equal("token-2", assert(tenant:token { refresh = true }).access:reveal())
    assert.equal("token-2", run(fake, dir.path))
    assert.equal(2, fake.tokens)
  end))

  it("is for the user alone, and shows nothing", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    run(fake, dir.path .. "/new")
    local path = kept_file(dir.path .. "/new")
    assert.equal("0600", assert(file.stat(path)).mode)
    assert.equal("0700", assert(file.stat(dir.path .. "/new")).mode)
    local text = assert(file.read(path))
    assert.is_nil(text:find("token-1", 1, true))
    assert.is_nil(text:find("localhost", 1, true))
  end))

  it("keeps apart what is asked for differently", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    run(fake, dir.path)
    kept_file(dir.path)
    local others = {
      { scope = "a.b" },
      { service_key = fake:key { clientsecret = "another" } },
      { service_key = fake:key { clientid = "another" } },
      { service_key = fake:key { tokenurl = fake.url .. "/oauth/token?x=1" } },
    }
    for i, options in ipairs(others) do
      assert.equal("token-" .. i + 1, run(fake, dir.path, options))
    end
  end))

  it("ignores a file that is damaged, or of another credential", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    run(fake, dir.path)
    local path = kept_file(dir.path)
    local good = assert(file.read(path))
    local flipped = good:sub(1, -2) .. string.char(good:byte(-1) ~ 1)
    for i, text in ipairs { "", "x", good:sub(1, 20), good:sub(1, -2), flipped, ("x"):rep(1e6) } do
      assert(file.write(path, text))
      assert.equal("token-" .. i + 1, run(fake, dir.path))
      assert.not_equal(text, assert(file.read(path)))
    end
  end))

  it("does not keep a run from its token when the directory cannot be used", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    assert(file.write(dir.path .. "/file", ""))
    assert.equal("token-1", run(fake, dir.path .. "/file/below"))
    assert.equal("token-2", run(fake, dir.path .. "/file"))
  end))

  it("forgets a token that was refused", async(function()
    local dir <close> = tempdir()
    local refused = "token-1"
    local fake <close> = fake_tenant.start {
      runtime = function(req)
        return req:answer(req.headers.authorization == "Bearer " .. refused and 401 or 200)
      end,
    }
    run(fake, dir.path)
    local path = kept_file(dir.path)
    local old = assert(file.read(path))
    do
      local tenant <close> = fake:tenant { token_cache = dir.path }
      local answer = assert(tenant:call { to = "/http/x" })
      assert.equal(1, answer.repairs)
    end
    assert.not_equal(old, assert(file.read(path)))
    assert.equal("token-2", run(fake, dir.path))
    assert.equal(2, fake.tokens)
  end))

  it("does not use a token that has expired", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start {
      token = function(req, n)
        return fake_tenant.give_token(req, { access_token = "token-" .. n, expires_in = 0.05 })
      end,
    }
    run(fake, dir.path)
    kept_file(dir.path)
    iflow.sleep(0.06)
    assert.equal("token-2", run(fake, dir.path))
  end))

  it("waits for who holds the lock, and uses the token that comes of it", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    run(fake, dir.path)
    local token = kept_file(dir.path)
    local kept = assert(file.read(token))
    assert(file.remove(token))
    local lock = assert(file.lock(names(dir.path, ".lock")[1])) -- as another process would
    local waiting = iflow.spawn(function() return run(fake, dir.path) end)
    iflow.sleep(0.1)
    assert.equal(1, fake.tokens)
    assert(file.write(token, kept))
    lock:close()
    assert.equal("token-1", waiting:join())
    assert.equal(1, fake.tokens)
  end))

  it("goes on when the lock is given back without a token", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    run(fake, dir.path)
    assert(file.remove(kept_file(dir.path)))
    local lock = assert(file.lock(names(dir.path, ".lock")[1]))
    local waiting = iflow.spawn(function() return run(fake, dir.path) end)
    iflow.sleep(0.05)
    lock:close()
    assert.equal("token-2", waiting:join())
  end))

  it("makes one request for many sources of one process", async(function()
    local dir <close> = tempdir()
    local fake <close> = fake_tenant.start()
    local jobs = {}
    for i = 1, 20 do jobs[i] = function() return run(fake, dir.path) end end
    iflow.all(jobs)
    assert.equal(1, fake.tokens)
  end))
end)
