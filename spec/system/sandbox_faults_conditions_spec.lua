-- When and to whom faults happen, how they are turned on and off, and what the sandbox tells about
-- them.
local async = require "spec.support.async"
local core = require "iflow.core"
local json = require "iflow.json"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

-- The sandbox with a flow, status(fields) of a request to it with Basic, the key and its instance.
local function furnish(sb)
  support.echo(sb, { csrf = false, name = "echo" })
  local key, instance = support.key(sb, "secret")
  local function status(fields)
    local all = { method = "POST", path = "/http/echo", body = "x", headers = {
      Authorization = support.basic(key.oauth.clientid, key.oauth.clientsecret) } }
    for name, value in pairs(fields or {}) do all[name] = value end
    return assert(support.request(sb, "runtime", all)).status
  end
  return sb, status, key, instance
end

local function with(body)
  return async(function()
    local sb <close> = support.start()
    body(furnish(sb))
  end)
end

local function times(n, call)
  local list = {}
  for i = 1, n do list[i] = call() end
  return list
end

describe("a fault happens", function()
  it("to the first, to each Nth, and to as many as both allow", with(function(sb, status)
    assert(sb:fault "runtime:502@first=2")
    assert.same({ 502, 502, 200, 200 }, times(4, status))
    assert.equal(1, sb:clear_faults())
    assert(sb:fault "runtime:502@every=3")
    assert.same({ 200, 200, 502, 200, 200, 502, 200 }, times(7, status))
    sb:clear_faults()
    assert(sb:fault "runtime:502@every=2,first=1")
    assert.same({ 200, 502, 200, 200 }, times(4, status))
    local fault = sb:faults()[1]
    assert.same({ 2, 1 }, { fault.requests, fault.happened })
  end))

  it("by chance, and the same seed is the same chance", with(function(sb, status)
    local function pattern(seed)
      sb:clear_faults()
      local fault = assert(sb:fault("runtime:502@50%,seed=" .. seed))
      assert.equal(seed, fault.seed)
      return table.concat(times(40, status), " ")
    end
    local first = pattern(1)
    assert.equal(first, pattern(1))
    assert.not_equal(first, pattern(2))
    local happened = sb:faults()[1].happened
    assert.is_true(happened > 5 and happened < 35)
    sb:clear_faults()
    assert(sb:fault "runtime:502@0%")
    assert(sb:fault "runtime:503@100%")
    assert.same({ 503, 503 }, times(2, status))
    assert.equal("integer", math.type(sb:faults()[1].seed))
  end))

  it("in a window of time", async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end }
    local _, status = furnish(sb)
    assert(sb:fault "runtime:502@from=10s,until=20s")
    local seen = {}
    for _, pass in ipairs { 0, 9, 1, 9, 1 } do
      clock = clock + pass
      seen[#seen + 1] = status()
    end
    assert.same({ 200, 200, 502, 502, 200 }, seen)
    sb:clear_faults()
    local moment = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(clock) + 60)
    assert(sb:fault("runtime:502@from=" .. moment))
    assert.equal(200, status())
    clock = clock + 61
    assert.equal(502, status())
  end))

  it("to one flow", with(function(sb, status)
    support.echo(sb, { csrf = false, name = "other", address = "/other" })
    assert(sb:fault "runtime:502@flow=other")
    assert.same({ 200, 502, 404 }, { status(), status { path = "/http/other" },
                                    status { path = "/http/none" } })
  end))

  it("to one client, however it shows itself", with(function(sb, status, key, instance)
    local other = support.key(sb, "certificate")
    local identity = support.identity(other)
    local bearer = support.bearer(sb, key)
    local function all()
      return { status(), status { headers = { Authorization = bearer } },
               status { headers = {}, identity = identity } }
    end
    assert(sb:fault("runtime:502@client=" .. key.oauth.clientid))
    assert.same({ 502, 502, 200 }, all())
    sb:clear_faults()
    assert(sb:fault("runtime:502@client=" .. other.oauth.clientid))
    assert.same({ 200, 200, 502 }, all())
    sb:clear_faults()
    assert(sb:fault("runtime:502@client=" .. instance))
    assert.same({ 502, 502, 200 }, all())
    for _, odd in ipairs { "Bearer x.y.z", "Bearer a.eyJjbGllbnRfaWQiOnt9fQ.c", "Basic x", "x" } do
      assert.equal(401, status { headers = { Authorization = odd } })
    end
  end))

  it("to one client of the token servers, in header, form, query and by certificate", with(
    function(sb, _, key)
      local own = support.key(sb, "certificate")
      local function escape(text)
        return (text:gsub("[^%w_.~-]", function(c) return ("%%%02X"):format(c:byte()) end))
      end
      local grant = "grant_type=client_credentials"
      local secret = ("&client_id=%s&client_secret=%s"):format(escape(key.oauth.clientid),
                                                               escape(key.oauth.clientsecret))
      local function all()
        local list = {}
        for i, ask in ipairs {
          { "token", headers = { Authorization = support.basic(key.oauth.clientid,
                                                               key.oauth.clientsecret) },
            form = grant },
          { "token", headers = { Authorization = support.basic(escape(key.oauth.clientid),
                                                               escape(key.oauth.clientsecret)) },
            form = grant },
          { "token", form = grant .. secret },
          { "token", path = "/oauth/token?" .. grant .. secret },
          { "token_cert", identity = support.identity(own),
            form = grant .. "&client_id=" .. escape(own.oauth.clientid) },
        } do
          list[i] = assert(support.ask_token(sb, ask[1], { headers = ask.headers, form = ask.form,
            path = ask.path, identity = ask.identity })).status
        end
        return list
      end
      for _, host in ipairs { "token", "token_cert" } do
        assert(sb:fault(host .. ":500@client=" .. key.oauth.clientid))
      end
      assert.same({ 500, 500, 500, 500, 200 }, all())
      sb:clear_faults()
      for _, host in ipairs { "token", "token_cert" } do
        assert(sb:fault(host .. ":500@client=" .. own.oauth.clientid))
      end
      assert.same({ 200, 200, 200, 200, 500 }, all())
    end))

  it("one after the other, in the order in which they came", with(function(sb, status)
    assert(sb:fault "runtime:type=text/one")
    assert(sb:fault "runtime:502@every=2")
    assert(sb:fault "runtime:503@every=2")
    assert.same({ 200, 502, 503, 502 }, times(4, status))
    local seen = {}
    for i, fault in ipairs(sb:faults()) do seen[i] = { fault.requests, fault.happened } end
    assert.same({ { 4, 4 }, { 4, 2 }, { 2, 1 } }, seen)
  end))

  it("never to the admin path", with(function(sb)
    assert(sb:fault "api:reset")
    local remote = assert(require "iflow.sandbox.client".open(sb.dir))
    assert.equal(1, assert(remote:clear_faults()))
  end))
end)

describe("a fault at the API host", function()
  it("decides before the API does", with(function(sb)
    local function ask()
      return support.request(sb, "api", { method = "GET", path = "/api/v1/" })
    end
    assert(sb:fault "api:503=5s@first=1")
    local answer = assert(ask())
    assert.same({ 503, "5" }, { answer.status, answer.headers["retry-after"] })
    assert(sb:fault "api:html@first=1")
    assert.equal("text/html", assert(ask()).headers["content-type"])
    assert(sb:fault "api:reset@first=1")
    assert.equal("net.reset", select(2, ask()).code)
    assert(sb:fault "api:429=2s@first=1")
    assert.equal("2", assert(ask()).headers["retry-after"])
  end))
end)

describe("faults", function()
  it("are listed, ended by number or all, and at most a hundred", with(function(sb, status)
    for i = 1, 100 do assert.equal(i, assert(sb:fault "runtime:502").number) end
    local fault, err = sb:fault "runtime:502"
    assert.same({ "limit.exceeded" }, { fault or err.code })
    assert.equal(1, sb:clear_faults(7))
    assert.equal("usage.invalid", select(2, sb:clear_faults(7)).code)
    assert.equal(99, sb:clear_faults())
    assert.same({ {}, 200 }, { sb:faults(), status() })
    assert.equal("usage.invalid", select(2, sb:fault "runtim:502").code)
    assert.equal(101, assert(sb:fault "runtime:502").number)
  end))

  it("are gone after a restart", async(function()
    local dir <close> = process.tempdir()
    do
      local sb <close> = support.start { dir = dir.path }
      assert(sb:fault "token:429@10%")
    end
    local sb <close> = support.start { dir = dir.path }
    assert.same({}, sb:faults())
  end))

  it("are the rule that decided a request", with(function(sb, status)
    assert(sb:fault "runtime:502@first=1")
    assert(sb:fault "runtime:type=text/x")
    status()
    status()
    sb:clear_faults()
    status()
    local rules = {}
    for i, event in ipairs(sb.tenant.decisions:since(0)) do
      rules[i] = event.rule:match "^fault %S+" or "none"
    end
    assert.same({ "fault runtime:502@first=1;", "fault runtime:type=text/x;", "none" }, rules)
  end))
end)

describe("iflow sandbox fault", function()
  local dir, sb

  setup(function()
    dir = process.tempdir()
    sb = dir:file "sb"
    assert.equal(0, process.run({ process.iflow, "sandbox", "start", "--dir", sb,
                                  "--detach" }).code)
  end)
  teardown(function()
    process.run { process.iflow, "sandbox", "stop", "--dir", sb }
    dir:close()
  end)

  local function fault(...)
    local result = process.run { process.iflow, "sandbox", "fault", "--dir", sb, "--json", ... }
    return json.decode(result.out), result.code
  end

  it("turns faults on, lists and ends them", function()
    local function texts(...)
      local list = {}
      for i, row in ipairs((fault(...))) do list[i] = row.fault end
      return list
    end
    assert.same({ "token:429@10%" }, texts "token:429@10%")
    assert.same({ "runtime:502", "api:500" }, texts("add", "runtime:502", "api:500"))
    assert.same({ "token:429@10%", "runtime:502", "api:500" }, texts "list")
    assert.same({ cleared = 2 }, (fault("clear", "1", "3")))
    assert.same({ "runtime:502" }, texts())
  end)

  it("turns on all or none, and says what is wrong", function()
    local before = #fault()
    for _, words in ipairs { { "lst" }, { "add" }, { "runtime:502", "runtim:502" },
                             { "clear", "99" }, { "clear", "x" } } do
      local answer, code = fault(table.unpack(words))
      assert.same({ 2, "usage.invalid" }, { code, answer.error.code })
    end
    assert.equal(before, #fault())
    assert.same({ cleared = before }, (fault "clear"))
    assert.same({}, (fault "list"))
  end)
end)
