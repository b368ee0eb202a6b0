-- A private key in hardware: tokens and direct calls with a key that lies in a token of SoftHSM
-- (PKCS#11), by the binary, since the module finds its tokens through the environment.
local async = require "spec.support.async"
local core = require "iflow.core"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

local PIN = "271828"

-- A token with the key of the certificate, and the certificate; the environment that finds it.
local function token(dir, own)
  assert(core.file.mkdir(dir:file "tokens"))
  local conf = dir:write("softhsm2.conf", ("directories.tokendir = %s\nlog.level = ERROR\n"):format(
    dir:file "tokens"))
  local env = { SOFTHSM2_CONF = conf }
  local function run(...)
    local result = process.run { env = env, timeout = 60, ... }
    assert(result.code == 0, result.out .. result.err)
  end
  run("softhsm2-util", "--init-token", "--free", "--label", "orders", "--pin", PIN, "--so-pin",
    "314159")
  run("softhsm2-util", "--import", own.key, "--token", "orders", "--label", "sender", "--id", "01",
    "--pin", PIN)
  run("openssl", "x509", "-in", own.cert, "-outform", "DER", "-out", dir:file "leaf.cer")
  run("pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--login", "--pin", PIN,
    "--token-label", "orders", "--write-object", dir:file "leaf.cer", "--type", "cert",
    "--id", "01", "--label", "sender")
  return env
end

describe("a key in hardware #stock", function()
  local home, env, key, pin_file

  local function iflow(...)
    local words = { process.iflow, ... }
    words.env = { SOFTHSM2_CONF = env.SOFTHSM2_CONF, HOME = home.dir.path,
                  IFLOW_SERVICE_KEY = key.path, IFLOW_CACERT = home.cacert }
    words.timeout = 60
    return process.run(words)
  end

  local function start()
    home = landscape.open { hostname = "localhost" }
    key = home:key "external"
    env = token(home.dir, key)
    pin_file = home.dir:write("pin", PIN .. "\n")
  end

  local function stop() home:__close() end

  local NAME = "pkcs11:token=orders;object=sender"

  it("gets a token and makes calls", async(function()
    start()
    for _, words in ipairs {
      { "--cert", key.cert, "--key", NAME, "--pass-file", pin_file },
      { "--cert", key.cert, "--key", NAME .. "?pin-source=file:" .. pin_file },
      { "--cert", NAME, "--pass-file", pin_file },
      { "--cert", NAME, "--key", NAME .. "?module-path=/usr/lib/softhsm/libsofthsm2.so",
        "--pass-file", pin_file },
    } do
      local run = iflow("token", table.unpack(words))
      assert.equal(0, run.code, table.concat(words, " ") .. "\n" .. run.err)
      assert.equal("", run.err)
      for _, auth in ipairs { "token", "certificate" } do
        run = iflow("call", "/http/orders", "-d", "1", "--auth", auth, table.unpack(words))
        assert.equal(0, run.code, table.concat(words, " ") .. "\n" .. run.err)
      end
    end
    -- Nothing can be derived from such a key, so no token is on disk.
    local kept = core.file.list(home.dir:file ".cache/iflow/tokens") or {}
    assert.same({}, kept)
    stop()
  end))

  it("takes the PIN from a function of a script", async(function()
    start()
    local script = home.dir:write("pin.lua", ([[
local iflow = require "iflow"
local asked = 0
local tenant = assert(iflow.tenant { service_key = %q, cert = %q, key = %q, cacert = %q,
  passphrase = function() asked = asked + 1 return io.open(%q):read "l" end })
assert(asked == 1)
assert(tenant:call { to = "/http/orders", body = "1" })
]]):format(key.path, key.cert, NAME, home.cacert, pin_file))
    local run = iflow("run", script)
    assert.equal(0, run.code, run.err)
    stop()
  end))

  it("is compared with its certificate", async(function()
    start()
    local other = home:authority():issue { name = "other", usage = "clientAuth" }
    for _, case in ipairs { { key.cert, "fine" }, { other.cert, "failed" } } do
      local run = iflow("cert", "check", "--json", case[1], "--key", NAME, "--pass-file", pin_file)
      local report = core.json.decode(run.out)
      assert.is_truthy(report and report.findings, run.out .. run.err)
      local verdict
      for _, finding in ipairs(report.findings) do
        if finding.name == "key" then verdict = finding.verdict end
      end
      assert.equal(case[2], verdict)
    end
    assert.equal(2, iflow("cert", "check", NAME, "--key", NAME, "--pass-file", pin_file).code)
    stop()
  end))

  it("is not asked twice with a PIN that it refused", async(function()
    start()
    local wrong = home.dir:write("wrong", "000000\n")
    local script = home.dir:write("twice.lua", ([[
local iflow = require "iflow"
local function open(pass_file, cert)
  local tenant, err = iflow.tenant { service_key = %q, cert = cert or %q, key = %q, cacert = %q,
    pass_file = pass_file }
  return tenant and "open" or err.code .. ": " .. err.message
end
print(open(%q))
print(open(%q))
print(open(%q, %q))
print(open(%q))
]]):format(key.path, key.cert, NAME, home.cacert, wrong, wrong, wrong, NAME, pin_file))
    local run = iflow("run", script)
    assert.equal(0, run.code, run.err)
    local lines = {}
    for line in run.out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.matches("^cert%.passphrase: .*refuses the PIN", lines[1])
    assert.matches("^cert%.passphrase: .*refused this PIN before", lines[2])
    assert.matches("^cert%.passphrase: .*refused this PIN before", lines[3])
    assert.equal("open", lines[4])
    stop()
  end))

  it("is told when it cannot be used", async(function()
    start()
    local wrong = home.dir:write("wrong", "000000\n")
    for _, case in ipairs {
      { "cert.passphrase", "--cert", key.cert, "--key", NAME },
      { "cert.passphrase", "--cert", key.cert, "--key", NAME, "--pass-file", wrong },
      { "cert.hardware", "--cert", key.cert, "--key", "pkcs11:token=orders;object=other",
        "--pass-file", pin_file },
      { "cert.hardware", "--cert", "pkcs11:token=none;object=sender", "--pass-file", pin_file },
      { "usage.invalid", "--cert", key.cert, "--key", NAME .. "?pin-value=" .. PIN },
      { "file.not_found", "--cert", key.cert, "--key", NAME .. "?pin-source=file:/none" },
    } do
      local run = iflow("token", "--json", table.unpack(case, 2))
      local answer = core.json.decode(run.out)
      assert.equal(case[1], answer and answer.error and answer.error.code, run.out .. run.err)
      assert.is_nil((run.out .. run.err):find(PIN, 1, true))
    end
    stop()
  end))
end)
