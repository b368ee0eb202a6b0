-- The exchange of the root above the sandbox's server certificates (sap-reference 3.7): announced,
-- then served; who trusts both notices nothing.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local function status(sb, kind, cacert)
  local answer, err = support.request(sb, kind, { path = "/", cacert = cacert })
  return answer and "answers" or err.code
end

describe("the root of the server certificates", function()
  it("is announced before it is served, at all hosts", async(function()
    local dir <close> = process.tempdir()
    local sb <close> = support.start()
    local old = dir:write("old.pem", process.read(sb.endpoints.cacert))
    local announced = assert(sb:server_root "announce").announced
    assert.equal(announced.sha256, assert(sb:server_root "announce").announced.sha256)
    local new = dir:write("new.pem", announced.pem)
    local both = dir:write("both.pem", process.read(old) .. announced.pem)
    for _, kind in ipairs { "token", "token_cert", "runtime", "api", "cf" } do
      assert.equal("answers", status(sb, kind, old))
      assert.equal("tls.untrusted", status(sb, kind, new))
    end
    local roots = assert(sb:server_root "exchange")
    assert.equal(announced.sha256, roots.served.sha256)
    assert.is_nil(roots.announced)
    for _, kind in ipairs { "token", "token_cert", "runtime", "api", "cf" } do
      assert.equal("tls.untrusted", status(sb, kind, old))
      assert.equal("answers", status(sb, kind, new))
      assert.equal("answers", status(sb, kind, both))
    end
    assert.equal(announced.pem, process.read(sb.endpoints.cacert))
  end))

  it("stays after a restart; client certificates go on", async(function()
    local dir <close> = process.tempdir()
    local key, sha256
    do
      local sb <close> = support.start { dir = dir:file "sb" }
      support.echo(sb, { csrf = false })
      key = support.key(sb, "certificate")
      assert(sb:server_root "announce")
      sha256 = assert(sb:server_root "exchange").served.sha256
      assert(sb:server_root "announce")
    end
    local sb <close> = support.start { dir = dir:file "sb" }
    local roots = assert(sb:server_root())
    assert.equal(sha256, roots.served.sha256)
    assert.not_equal(sha256, roots.announced.sha256)
    support.echo(sb, { csrf = false })
    assert.equal(200, assert(support.request(sb, "runtime", { method = "POST", body = "x",
      path = "/http/echo", identity = support.identity(key) })).status)
  end))

  it("is not exchanged for one that nobody could know", async(function()
    local sb <close> = support.start()
    local roots, err = sb:server_root "exchange"
    assert.is_nil(roots)
    assert.equal("usage.invalid", err.code)
    roots, err = sb:server_root "surprise"
    assert.is_nil(roots)
    assert.equal("usage.invalid", err.code)
    assert.is_nil(sb:server_root().announced)
  end))

  it("leaves a host alone that shows a certificate by a fault", async(function()
    local sb <close> = support.start()
    assert(sb:fault "runtime:certificate")
    assert(sb:server_root "announce")
    assert(sb:server_root "exchange")
    assert.equal("tls.untrusted", status(sb, "runtime"))
    assert.equal("answers", status(sb, "token"))
    assert(sb:clear_faults())
    assert.equal("answers", status(sb, "runtime"))
  end))

  it("is exchanged by commands", function()
    local dir <close> = process.tempdir()
    local function iflow(...)
      local words = { process.iflow, "sandbox", ... }
      words.dir = dir.path
      local result = process.run(words)
      assert(result.code == 0, result.err)
      return result.out
    end
    iflow("start", "--detach", "--dir", "sb")
    local ok, err = pcall(function()
      local pem = iflow("root", "announce", "--dir", "sb")
      assert.equal(1, #core.cert.parse(pem).certificates)
      local roots = core.json.decode(iflow("root", "exchange", "--dir", "sb", "--json"))
      assert.equal(pem, roots.served.pem)
      assert.is_truthy(iflow("root", "--dir", "sb"):find(roots.served.sha256, 1, true))
    end)
    iflow("stop", "--dir", "sb")
    assert(ok, err)
  end)
end)
