-- How long credentials are good, as iflow check tells it by their files: warnings, exit code, and a
-- line for monitoring systems. Nobody is asked over a network.
local async = require "spec.support.async"
local clock = require "iflow.clock"
local core = require "iflow.core"
local doctor = require "spec.support.doctor"
local iflow = require "iflow"
local process = require "spec.support.process"

local DAY = 86400
local HOST = "https://acme-dev.it-cpi001-rt.cfapps.eu10.example.com"
local TOKEN = "https://acme-dev.authentication.cert.eu10.example.com/oauth/token"

local function text_of(at) return os.date("!%Y-%m-%dT%H:%M:%S.000Z", at // 1) end

describe("the validity of credentials", function()
  local dir, now, root, issuer_key

  -- A chain whose leaf ends after so many days, and its private key.
  local function pair(name, days)
    local key = assert(core.authority.keypair { type = "ec" })
    local leaf = assert(core.authority.issue { subject = { { "CN", name } }, key = key,
      client_auth = true, issuer = root, issuer_key = issuer_key, not_before = now - 400 * DAY,
      not_after = now + math.floor(days * DAY) })
    return leaf .. root, key:private_pem()
  end

  -- A service key in a file: with a certificate that ends after so many days, or with a secret.
  local function key_file(name, days, age)
    local oauth = { clientid = "sb-" .. name, url = HOST, tokenurl = TOKEN,
      createdate = text_of(now - (age or 0) * DAY) }
    if days then
      oauth.certificate, oauth.key = pair(name, days)
    else
      oauth.clientsecret = "a-secret"
    end
    local path = dir:write(name .. ".json", assert(core.json.encode { oauth = oauth }))
    assert(core.file.write(path, process.read(path), "0600"))
    return path
  end

  local function check(tenant_options, options)
    tenant_options.token_cache = false
    options = options or {}
    options.offline = true
    local tenant <close> = assert(iflow.tenant(tenant_options))
    local report = tenant:check(options)
    return doctor.step(report, "validity"), report
  end

  setup(function()
    dir = process.tempdir()
    now = os.time()
    issuer_key = assert(core.authority.keypair { type = "ec" })
    root = assert(core.authority.issue { subject = { { "CN", "Example Root" } }, key = issuer_key,
      ca = true, not_before = now - 500 * DAY, not_after = now + 5000 * DAY })
  end)
  teardown(function() dir:close() end)

  it("is told 30, 14, 7 and 1 days before the end, by the exit code, too", async(function()
    local cases = { { 400.5, 0 }, { 30.5, 0 }, { 29.5, 10 }, { 13.5, 10 }, { 6.5, 11 },
      { 0.5, 12 } }
    for i, case in ipairs(cases) do
      local found, report = check { service_key = key_file("near" .. i, case[1]) }
      assert.equal(case[2], report.exit_code)
      assert.equal(case[2] == 0 and "fine" or "warning", report.verdict)
      assert.equal(case[2] ~= 0 and "ends_soon" or nil, found[1].cause)
      assert.equal(math.floor(case[1]), report.credentials[1].days_left)
    end
    local _, early = check({ service_key = key_file("near", 40.5) }, { warn_days = 60 })
    assert.equal(10, early.exit_code)
  end))

  it("fails when it is over, and not before it begins", async(function()
    local path = key_file("over", -1)
    local found, report = check { service_key = path }
    assert.same({ "failed", "ended", "cert.expired" },
      { found[1].verdict, found[1].cause, found[1].code })
    assert.equal(3, report.exit_code)
    assert.equal("skipped", doctor.step(report, "client certificate")[1].verdict)
    local before = clock.install { now = function() return now - 450 * DAY end,
      monotonic = core.task.monotonic, sleep = core.task.sleep, work = function() end }
    found = check { service_key = path }
    clock.install(before)
    assert.equal("not_yet_valid", found[1].cause)
  end))

  it("includes the next one, which takes over when the current one is over", async(function()
    local following = { service_key = key_file("following", 20) }
    local found, report = check { service_key = key_file("over", -1), next = following }
    assert.same({ "ended", "ends_soon" }, { found[1].cause, found[2].cause })
    assert.same({ "warning", "next service key", 12 }, { report.verdict, found[2].kind,
      report.exit_code })
    assert.equal(following.service_key, found[2].path)
  end))

  it("awaits the file of the next one, and tells of one that is no good", async(function()
    local current = key_file("good", 300)
    local found = check { service_key = current, next = { service_key = dir:file "later.json" } }
    assert.equal("fine", found[1].verdict)
    found = check { service_key = current, next = { service_key = dir:write("bad.json", "{") } }
    assert.same({ "warning", "next_unusable" }, { found[1].verdict, found[1].cause })
  end))

  it("has the age of keys, when it is asked for", async(function()
    local path = key_file("old", nil, 200)
    assert.equal("fine", check { service_key = path }[1].verdict)
    local found, report = check({ service_key = path }, { key_age = "180d" })
    assert.same({ "old", 200, 10 }, { found[1].cause, found[1].age_days, report.exit_code })
    assert.equal("fine", check({ service_key = path }, { key_age = "300d" })[1].verdict)
  end))

  it("warns of roots that end, though nobody is refused for it here", async(function()
    local ended = assert(core.authority.issue { subject = { { "CN", "Old Root" } },
      key = issuer_key, ca = true, not_before = now - 500 * DAY, not_after = now - DAY })
    local cacert = dir:write("roots.pem", ended)
    local found = check { service_key = key_file "plain", cacert = cacert }
    assert.same({ "warning", "ended", "trusted authorities" },
      { found[1].verdict, found[1].cause, found[1].kind })
    dir:write("roots.pem", ended .. root)
    assert.equal("fine", check({ service_key = key_file "plain", cacert = cacert })[1].verdict)
  end))

  -- Exit code, status and figures of the line; the binary reads the files.
  local function nagios(...)
    local result = process.run { process.iflow, "check", "--offline", "--nagios", ... }
    local status, text, figures = result.out:match "^IFLOW (%u+) %- ([^|\n]+)|? ?([^\n]*)\n$"
    assert.is_string(status, result.out .. result.err)
    local values = {}
    for label, rest in figures:gmatch "(%S+)=(%S+)" do values[label] = rest end
    return { result.code, status }, values, text
  end

  it("is a line of Nagios with figures", function()
    local cases = { { 300.5, 0, "OK" }, { 29.5, 1, "WARNING" }, { 6.5, 2, "CRITICAL" },
      { -0.5, 2, "CRITICAL" } }
    for _, case in ipairs(cases) do
      local status, values, text = nagios("--service-key", key_file("watched", case[1]))
      assert.same({ case[2], case[3] }, status, text)
      assert.equal(("%d;30:;7:"):format(math.floor(case[1])), values.service_key_days)
      assert.is_truthy(values.time:find "^%d+%.%d+s$")
    end
    local path = key_file("watched", 19.5)
    assert.same({ 2, "CRITICAL" }, nagios("--service-key", path, "--critical", "21"))
    assert.same({ 2, "CRITICAL" }, nagios("--service-key", path, "--warning", "5", "--critical",
      "21"))
    local _, values = nagios("--service-key", path, "--warning", "10", "--critical", "5")
    assert.equal("19;10:;5:", values.service_key_days)
  end)

  it("is UNKNOWN to Nagios when nothing can be looked at", function()
    for _, words in ipairs { {}, { "--service-key", "none.json" }, { "--nothing" },
      { "--sender", "x" } } do
      assert.same({ 3, "UNKNOWN" }, nagios(table.unpack(words)))
    end
  end)

  it("is JSON for programs", function()
    local path = key_file("watched", 19.5)
    local result = process.run { process.iflow, "check", "--offline", "--nagios", "--json",
      "--service-key", path }
    local value = assert(core.json.decode(result.out))
    assert.same({ 1, 1, "WARNING" }, { result.code, value.exit_code, value.nagios.status })
    assert.same({ "service key", path, 19 }, { value.credentials[1].kind,
      value.credentials[1].path, value.credentials[1].days_left })
  end)
end)
