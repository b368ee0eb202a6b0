-- The client of the OData API: against a server of the spec's own for what a tenant, or something
-- on the way to it, may answer; and its literals, which need nobody.
local async = require "spec.support.async"
local clock = require "iflow.clock"
local core = require "iflow.core"
local fake_tenant = require "spec.support.fake_tenant"
local json = core.json
local limits = require "iflow.odata.limits"
local odata = require "iflow.odata"
local raises = require "spec.support.raises"

local QUICK = { attempts = 3, first = 0.001, jitter = "none" }

-- An API that answers with what answer(req, n, fake) gives: status, headers, body.
local function against(answer, body, options)
  return async(function()
    local fake <close> = fake_tenant.start { runtime = function(req, n)
      return req:answer(answer(req, n))
    end }
    local all = { service_key = fake:key(), token_cache = false, retry = QUICK }
    for name, value in pairs(options or {}) do all[name] = value end
    local api <close> = assert(odata(all))
    body(api, fake)
  end)
end

local function answer(value)
  return 200, { ["Content-Type"] = "application/json" }, json.encode(value)
end

local function feed(records, extra)
  local d = { results = json.array(records) }
  for name, value in pairs(extra or {}) do d[name] = value end
  return answer { d = d }
end

-- A server whose pages hold the numbers from 1 to `last`, `size` at once; link(n) is the next link.
local function numbers(last, size, link)
  return function(req)
    local from = tonumber(req.target:match "skiptoken=(%d+)") or 0
    local records = {}
    for i = from + 1, math.min(last, from + size) do records[#records + 1] = { N = i } end
    return feed(records, { __next = from + size < last and link(from + size) or nil })
  end
end

local function column(list)
  local values = {}
  for i, record in ipairs(list) do values[i] = record.N end
  return values
end

describe("a literal", function()
  it("is a text with doubled quotes, a time without zone, a key, a date", function()
    assert.equal("'o''brien''s'", odata.literal "o'brien's")
    assert.equal("datetime'2026-05-04T08:00:00'", odata.time(1777881600.9))
    assert.equal("Set('a%2Fb''%20%C3%A4')", odata.entity("Set", "a/b' ä"))
    assert.equal("Set(Id='x',Version='active')", odata.entity("Set", { Version = "active",
      Id = "x" }))
    assert.equal("6D7920616C696173", odata.hex "my alias")
    assert.equal(1777881600.123, odata.seconds "/Date(1777881600123)/")
    assert.equal(1777881600, odata.seconds "/Date(1777881600000+0120)/")
    for _, wrong in ipairs { "2026-05-04", "/Date(x)/", 5, true } do
      assert.is_nil(odata.seconds(wrong))
    end
  end)

  it("tells the plan of a client id", function()
    assert.equal("integration-flow", odata.plan "sb-1!b2|it-rt-acme!b3")
    assert.equal("api", odata.plan "sb-1!b2|it!b3")
    assert.is_nil(odata.plan "sb-1!b2")
  end)
end)

describe("odata", function()
  it("takes a path or options, and says at the caller's line what is wrong", async(function()
    local api, err = odata "/no/such/key.json"
    assert.is_nil(api)
    assert.equal("file.not_found", err.code)
    raises("unknown option 'filtre'", function() odata { filtre = 1, service_key = "x" } end)
    raises("got number", function() odata(5) end)
    raises("did you mean 'sap'", function() odata { service_key = "x", retry = "sapp" } end)
  end))

  it("is closed once, and then not used", against(function() return feed {} end, function(api)
    raises("use a colon", function() api.get "x" end)
    raises("takes a path", function() api:get "" end)
    raises("unknown option 'filtr', did you mean 'filter'",
      function() api:list("x", { filtr = "y" }) end)
    raises("unknown option 'bodi', did you mean 'body'",
      function() api:send("POST", "x", { bodi = "y" }) end)
    api:close()
    api:close()
    raises("is closed", function() api:get "x" end)
  end))

  it("asks below /api/v1, also when the url says so already, or has a prefix", async(function()
    local asked = {}
    local fake <close> = fake_tenant.start { runtime = function(req)
      asked[#asked + 1] = req.target
      return req:answer(feed {})
    end }
    for _, suffix in ipairs { "", "/", "/api/v1", "/api/v1/", "/location/r1" } do
      local api <close> = assert(odata { service_key = fake:key(), url = fake.url .. suffix,
        token_cache = false })
      assert(api:list "UserRoles")
    end
    assert.same({ "/api/v1/UserRoles", "/api/v1/UserRoles", "/api/v1/UserRoles",
      "/api/v1/UserRoles", "/location/r1/api/v1/UserRoles" }, asked)
  end))
end)

describe("api:get", function()
  it("gives what d holds: null is nil, lists are lists", against(function()
    return 200, {}, [[{"d":{"A":null,"B":{"results":[{"C":1,"D":null}]},"E":{"__deferred":{}},
      "F":"x","__metadata":{},"G":{"results":[]}}}]]
  end, function(api)
    assert.same({ B = { { C = 1 } }, F = "x", G = {} }, assert(api:get "Set('x')"))
  end))

  it("takes nothing else for the API's answer", function()
    for _, body in ipairs { "", "[]", "{}", '{"d":null}', '{"d":5}', "<html/>", '{"d":"x"}' } do
      against(function() return 200, {}, body end, function(api)
        local value, err = api:get "Set('x')"
        assert.is_nil(value)
        assert.same({ "http.protocol", true }, { err.code, err.retryable })
      end)()
    end
  end)

  it("gives an error where api:find gives nothing", against(function()
    return 404, {}, '{"error":{"code":"Not Found","message":{"lang":"en","value":"no x"}}}'
  end, function(api)
    local value, err = api:get "Set('x')"
    assert.is_nil(value)
    assert.same({ "call.not_found", 404, "no x" }, { err.code, err.status, err.said })
    value, err = api:find "Set('x')"
    assert.is_nil(value)
    assert.is_nil(err)
    value, err = api:text "Set('x')"
    assert.is_nil(value)
    assert.is_nil(err)
  end))
end)

describe("api:text", function()
  it("gives the text, nothing for 204", against(function(req)
    if req.target:find "'a'" then return 204 end
    return 200, { ["Content-Type"] = "text/plain" }, "because"
  end, function(api)
    assert.equal("because", api:text "Set('b')")
    local value, err = api:text "Set('a')"
    assert.is_nil(value)
    assert.is_nil(err)
  end))
end)

describe("a question", function()
  it("reaches the server as it was meant", against(function(req)
    return feed { { Target = req.target } }
  end, function(api)
    local list = assert(api:list("Set", { filter = "A eq " .. odata.literal "o'b c&d=é%",
      expand = { "X", "Y" }, select = "A,B", orderby = "A desc", top = 5, skip = 2.0, count = true,
      query = { ["own option"] = "1 2" } }))
    assert.equal("/api/v1/Set?$expand=X,Y&$filter=A%20eq%20'o''b%20c%26d%3D%C3%A9%25'"
      .. "&$inlinecount=allpages&$orderby=A%20desc&$select=A,B&$skip=2&$top=5&own%20option=1%202",
      list[1].Target)
  end))

  it("knows how many match", against(function() return feed({}, { __count = "12" }) end,
    function(api) assert.equal(12, assert(api:list("Set", { count = true })).count) end))
end)

describe("pages", function()
  local forms = {
    ["the whole URL"] = function(url, n) return url .. "/api/v1/Set?$skiptoken=" .. n end,
    ["a path"] = function(_, n) return "/api/v1/Set?$skiptoken=" .. n end,
    ["relative to the root"] = function(_, n) return "Set?$skiptoken=" .. n end,
    ["with blanks, quotes and upper case"] = function(url, n)
      return url:gsub("^http", "HTTP") .. "/api/v1/Set?$filter=A eq 'x \"y'&$skiptoken=" .. n
    end,
  }
  for name, form in pairs(forms) do
    it("are followed by a next link that is " .. name, async(function()
      local fake <close> = fake_tenant.start { runtime = function(req)
        local url = "http://" .. req.headers.host
        return req:answer(numbers(7, 3, function(n) return form(url, n) end)(req))
      end }
      local api <close> = assert(odata { service_key = fake:key(), token_cache = false })
      assert.same({ 1, 2, 3, 4, 5, 6, 7 }, column(assert(api:list "Set")))
      assert.equal(3, fake.calls)
    end))
  end

  local function relative(n) return "Set?$skiptoken=" .. n end

  it("end where the limit is", against(numbers(5000, 1000, relative), function(api, fake)
    local list = assert(api:list("Set", { limit = 1500 }))
    assert.same({ 1500, true, 2 }, { #list, list.more, fake.calls })
  end))

  it("are asked one record more than the limit, to know whether there are others", against(
    function(req)
      local records = {}
      for i = 1, tonumber(req.target:match "top=(%d+)") do records[i] = { N = i } end
      return feed(records)
    end, function(api)
      local list = assert(api:list("Set", { limit = 3 }))
      assert.same({ { 1, 2, 3 }, true }, { column(list), list.more })
    end))

  it("come one by one", against(numbers(5, 2, relative), function(api)
    local sizes = {}
    for page, err in api:each "Set" do
      assert.is_nil(err)
      sizes[#sizes + 1] = #page
    end
    assert.same({ 2, 2, 1 }, sizes)
  end))

  it("are never followed to another server", async(function()
    local foreign <close> = fake_tenant.start {}
    for _, link in ipairs { foreign.url .. "/api/v1/Set", "//evil.example.com/api/v1/Set",
                            "https://localhost/api/v1/Set", "ftp://localhost/x", "javascript:x" } do
      local fake <close> = fake_tenant.start { runtime = function(req)
        return req:answer(feed({ { N = 1 } }, { __next = link }))
      end }
      local api <close> = assert(odata { service_key = fake:key(), token_cache = false })
      local list, err = api:list "Set"
      assert.is_nil(list)
      assert.is_true(err.code == "call.redirected" or err.code == "http.protocol")
      assert.equal(1, fake.calls)
    end
    assert.equal(0, foreign.calls)
  end))

  it("do not go on for ever", function()
    local links = {
      ["the same"] = function() return "Set" end,
      ["in a circle"] = function(n) return "Set?$skiptoken=" .. n % 3 end,
      ["without records"] = function(n) return "Set?$skiptoken=" .. n end,
      ["of another type"] = function() return 5 end,
      ["too long"] = function(n) return "Set?" .. ("x"):rep(20000) .. n end,
    }
    for name, link in pairs(links) do
      against(function(_, n)
        return feed(name == "without records" and {} or { { N = n } }, { __next = link(n) })
      end, function(api, fake)
        local list, err = api:list "Set"
        assert.is_nil(list)
        assert.equal("http.protocol", err.code)
        assert.is_true(fake.calls <= 12)
      end)()
    end
  end)

  it("hold records and nothing else", function()
    for _, body in ipairs { '{"d":{"results":5}}', '{"d":{"results":["x"]}}', '{"d":{}}',
                            '{"d":{"results":[{},null]}}', '{"d":{"results":null}}' } do
      against(function() return 200, {}, body end, function(api)
        local list, err = api:list "Set"
        assert.is_nil(list)
        assert.equal("http.protocol", err.code)
      end)()
    end
  end)

  it("have a size that is bounded", against(function()
    return 200, {}, '{"d":{"results":[{"A":"' .. ("x"):rep(17 << 20) .. '"}]}}'
  end, function(api)
    local list, err = api:list "Set"
    assert.is_nil(list)
    assert.same({ "http.limit", "rejected" }, { err.code, err.outcome })
  end))

  it("tell an error in a loop, once", against(function(_, n)
    if n == 1 then return feed({ { N = 1 } }, { __next = "Set?$skiptoken=1" }) end
    return 400, {}, "{}"
  end, function(api)
    local seen = {}
    for page, err in api:each "Set" do seen[#seen + 1] = page and #page or err.status end
    assert.same({ 1, 400 }, seen)
  end))
end)

describe("a refusal", function()
  it("is told in the API's own words, whichever form they have", function()
    local bodies = {
      '{"error":{"code":"Bad Request","message":{"lang":"en","value":"not <this> & that"}}}',
      '{"code":"Bad Request","message":{"@lang":"en","#text":"not <this> & that"}}',
      '{"error":{"code":"x","message":"not <this> & that"}}',
      '<?xml version="1.0"?><error xmlns="x"><code>c</code><message xml:lang="en">'
        .. "not &lt;this&gt; &amp; that</message></error>",
      '{"error":{"code":"unauthorized","message":"{\\"error\\":\\"not <this> & that\\"}"}}',
    }
    for _, body in ipairs(bodies) do
      against(function() return 400, {}, body end, function(api)
        local list, err = api:list "Set"
        assert.is_nil(list)
        assert.same({ 400, "call.rejected", "not <this> & that" },
          { err.status, err.code, err.said })
        assert.is_truthy(err.message:find(err.said, 1, true))
        assert.is_nil(err.message:find("{", 1, true))
      end)()
    end
  end)

  it("is no word of the API when something else answers", function()
    for _, body in ipairs { "", "<html><body>no</body></html>", "{}", "[1]", '{"message":5}',
                            '{"error":"x"}', '{"error":{"message":{"value":[]}}}' } do
      against(function() return 404, {}, body end, function(api)
        local value, err = api:find "Set('x')"
        assert.is_nil(value)
        assert.same({ "call.not_found" }, { err.code })
        assert.is_nil(err.said)
      end)()
    end
  end)

  it("cannot move the cursor", against(function()
    return 400, {}, '{"error":{"code":"x","message":{"value":"a\\u001b[2Jb\\nc"}}}'
  end, function(api)
    local _, err = api:list "Set"
    assert.is_nil(err.message:find "%c")
  end))

  it("is not repeated when it says what is wrong: 500 and 501", function()
    for _, status in ipairs { 500, 501 } do
      against(function()
        return status, {}, '{"error":{"code":"x","message":{"lang":"en","value":"no such type"}}}'
      end, function(api, fake)
        local list, err = api:list "Set"
        assert.is_nil(list)
        assert.same({ status, "rejected", 1 }, { err.status, err.outcome, fake.calls })
        assert.is_string(err.hint)
      end)()
    end
  end)
end)

describe("what passes", function()
  for _, status in ipairs { 429, 502, 503, 504 } do
    it("is tried again: " .. status, against(function(_, n)
      if n < 3 then return status, {}, "" end
      return feed { { N = n } }
    end, function(api, fake)
      assert.equal(3, assert(api:list "Set")[1].N)
      assert.equal(3, fake.calls)
    end))
  end

  it("is tried as often as the policy says, and as late as the answer asks", function()
    against(function() return 503, {}, "" end, function(api, fake)
      local list, err = api:list "Set"
      assert.is_nil(list)
      assert.same({ "call.unavailable", 3 }, { err.code, fake.calls })
    end)()
    against(function() return 429, { ["Retry-After"] = "120" }, "" end, function(api, fake)
      local list, err = api:list "Set"
      assert.is_nil(list)
      assert.same({ 429, 120, 1 }, { err.status, err.retry_after, fake.calls })
      assert.matches("15 requests a second for this, one user 10", err.hint)
    end)()
    against(function() return 503, {}, "" end, function(api, fake)
      assert.is_nil((api:list "Set"))
      assert.equal(1, fake.calls)
    end, { retry = "none" })()
  end)
end)

describe("rate limits", function()
  local users = 0

  -- The seconds that so many requests of one user take, by a clock that only sleeping moves; two
  -- objects take turns.
  local function slept(set, times)
    local now = 1000
    local before = clock.install { now = function() return now end,
      monotonic = function() return now end, sleep = function(s) now = now + s end,
      work = clock.work }
    users = users + 1
    local buckets = { limits("user " .. users), limits("user " .. users) }
    for i = 1, times do buckets[1 + i % 2]:take(set) end
    clock.install(before)
    return math.floor(now - 1000 + 0.5)
  end

  it("are SAP's, by entity set: half of a user's figure", function()
    assert.equal(0, slept("MessageProcessingLogs", 50))
    assert.equal(1, slept("MessageProcessingLogs", 100))
    assert.equal(1, slept("ServiceEndpoints", 50))
    assert.equal(9, slept("KeystoreEntries", 50))
    assert.equal(9, slept("IntegrationDesigntimeArtifacts", 50))
    assert.equal(9, slept("NumberRanges", 25))
    assert.equal(3, slept("StringParameters", 50))
    assert.equal(9, slept("SomethingElse", 50))
  end)

  it("do not wait for what another clock said", function()
    local now = 1e9
    local before = clock.install { now = clock.now, work = clock.work,
      monotonic = function() return now end, sleep = function() end }
    local bucket = limits "clocks"
    for _ = 1, 1000 do bucket:take "UserRoles" end
    clock.install(before)
    local began = clock.monotonic()
    bucket:take "UserRoles"
    assert.is_true(clock.monotonic() - began < 60)
  end)

  it("have the tenant's and the user's figure", function()
    for set, row in pairs { MessageProcessingLogs = { 1000, 100 },
                            IntegrationRuntimeArtifacts = { 120, 50 }, UserRoles = { 12, 10 },
                            NumberRanges = { 10, 5 }, Partners = { 50, 25 },
                            IntegrationPackages = { 15, 10 } } do
      assert.same(row, { limits.row(set).tenant, limits.row(set).user })
    end
  end)
end)

describe("api:send", function()
  -- Takes writes with the token and cookies of the last handshake only.
  local function guarded(state)
    return function(req)
      local token = req.headers["x-csrf-token"]
      if req.method == "GET" then
        state.handshakes = (state.handshakes or 0) + 1
        state.at, state.token = req.target, "token-" .. state.handshakes
        return 200, { ["X-CSRF-Token"] = state.token, ["Set-Cookie"] = {
          "JSESSIONID=a%2fb==; Path=/; Secure", "lb=w1" } }, '{"d":{}}'
      end
      state.cookie, state.body = req.headers.cookie, req:read()
      if token ~= state.token then return 403, { ["X-CSRF-Token"] = "required" }, "" end
      return 202, {}, "task"
    end
  end

  it("fetches a token from the root, sends cookies back as they are, and keeps both", function()
    local state = {}
    against(guarded(state), function(api)
      assert.equal("task", assert(api:send("POST", "Deploy", { query = { Id = "'x'" } })).body)
      assert.equal(202, assert(api:send("POST", "Deploy", {})).status)
      assert.same({ 1, "/api/v1/", "JSESSIONID=a%2fb==; lb=w1" },
        { state.handshakes, state.at, state.cookie })
    end)()
  end)

  it("fetches another one when that is refused, once", function()
    local state = {}
    against(guarded(state), function(api)
      assert(api:send("POST", "Deploy"))
      state.token = "lost"
      assert(api:send("POST", "Deploy"))
      assert.equal(2, state.handshakes)
    end)()
    against(function(req)
      if req.method == "GET" then return 200, { ["X-CSRF-Token"] = "x" }, '{"d":{}}' end
      return 403, { ["X-CSRF-Token"] = "required" }, ""
    end, function(api, fake)
      local sent, err = api:send("POST", "Deploy")
      assert.is_nil(sent)
      assert.same({ "call.csrf", 2 }, { err.code, fake.calls })
    end)()
  end)

  it("goes without a token when the tenant gives none", against(function(req)
    if req.method == "GET" then return 200, {}, '{"d":{}}' end
    return 200, {}, req.headers["x-csrf-token"] or "none"
  end, function(api) assert.equal("none", assert(api:send("DELETE", "Set('x')")).body) end))

  it("does not repeat what may have happened", against(function(req)
    if req.method == "GET" then return 200, {}, '{"d":{}}' end
    return 502, {}, ""
  end, function(api, fake)
    local sent, err = api:send("DELETE", "Set('x')")
    assert.is_nil(sent)
    assert.same({ "in_doubt", 2 }, { err.outcome, fake.calls })
  end))
end)
