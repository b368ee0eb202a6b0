-- Trust stores: what iflow trust takes and refuses, and connections that trust a store beside the
-- system's authorities; certificates by the openssl program, TLS by its server.
local async = require "spec.support.async"
local core = require "iflow.core"
local iflow = require "iflow"
local landscape = require "spec.support.landscape"
local openssl = require "spec.support.openssl"
local process = require "spec.support.process"
local trust = require "iflow.trust"

local function subjects(list)
  local names = {}
  for i, certificate in ipairs(list) do names[i] = certificate.subject:match "CN=([^,]+)" end
  table.sort(names)
  return names
end

describe("a trust store", function()
  local dir, pki

  setup(function()
    dir = process.tempdir()
    pki = openssl.pki(dir)
    openssl.pair(dir, { name = "next", subject = "/CN=Next Root CA",
                        extensions = { "basicConstraints = critical,CA:TRUE" } })
    openssl.pair(dir, { name = "self", subject = "/CN=self.example.com",
                        extensions = { "basicConstraints = CA:FALSE" } })
    openssl.run("x509", "-in", dir:file "next.pem", "-outform", "DER", "-out", dir:file "next.cer")
  end)
  teardown(function() dir:close() end)

  it("takes roots, in PEM and DER, once", function()
    local path = dir:file "a.pem"
    local result = assert(trust.add(path, { dir:file "root.pem", dir:file "next.cer" }))
    assert.equal(2, #result.added)
    result = assert(trust.add(path, { dir:file "next.pem" }))
    assert.same({ 0, 1 }, { #result.added, #result.known })
    assert.same({ "Example Root CA", "Next Root CA" }, subjects(assert(trust.list(path))))
    -- openssl reads the file, too
    assert.equal(0, process.run { "openssl", "verify", "-CAfile", path, "-untrusted",
      dir:file "intermediate.pem", dir:file "leaf.pem" }.code)
  end)

  it("takes the root of a chain, and tells what it leaves out", function()
    local chain = dir:write("chain.pem", pki.leaf.cert .. pki.intermediate.cert .. pki.root.cert)
    local result = assert(trust.add(dir:file "b.pem", { chain }))
    assert.same({ "Example Root CA" }, subjects(result.added))
    assert.equal(2, #result.left_out)
  end)

  it("refuses what is no root, and changes nothing then", function()
    local path = dir:file "c.pem"
    for _, name in ipairs { "leaf.pem", "intermediate.pem", "self.pem" } do
      local result, err = trust.add(path, { dir:file "root.pem", dir:file(name) })
      assert.is_nil(result)
      assert.equal("usage.invalid", err.code)
      assert.is_truthy(err.hint)
    end
    assert.is_nil(core.file.stat(path))
    local _, err = trust.add(path, { dir:file "none.pem" })
    assert.equal("file.not_found", err.code)
    _, err = trust.add(path, { dir:file "root.key" })
    assert.is_truthy(err)
  end)

  it("is no file that holds something else, which would be lost", function()
    local own = process.read(dir:file "leaf.pem") .. process.read(dir:file "leaf.key")
    local json = assert(core.json.encode { oauth = { certificate = pki.leaf.cert } })
    local zip = assert(core.cert.zip { { name = "root.cer", data = pki.root.cert } })
    for name, text in pairs { ["own.pem"] = own, ["key.json"] = json, ["root.zip"] = zip } do
      local path = dir:write(name, text)
      for _, act in ipairs { trust.add, trust.remove } do
        local result, err = act(path, act == trust.add and { dir:file "root.pem" } or "12345678")
        assert.is_nil(result, name)
        assert.equal("usage.invalid", err.code, name)
      end
      assert.equal(text, process.read(path))
    end
  end)

  it("is changed, not replaced, by the name of a link to it", function()
    local path, link = dir:file "linked.pem", dir:file "link.pem"
    assert(trust.add(path, { dir:file "root.pem" }))
    assert(os.execute(("ln -s linked.pem %s"):format(process.quote(link))))
    assert(trust.add(link, { dir:file "next.pem" }))
    assert.equal(2, #assert(trust.list(path)))
    assert(trust.remove(link, trust.list(path)[1].sha256))
    assert.equal(1, #assert(trust.list(path)))
  end)

  it("holds no more roots than can be read of it", function()
    local path = dir:file "many.pem"
    local function add(number)
      local key = assert(core.authority.keypair { type = "ec" })
      local root = assert(core.authority.issue { subject = { { "CN", "Root " .. number } },
        key = key, ca = true, not_before = os.time() - 60, not_after = os.time() + 86400 })
      return trust.add(path, { dir:write("one.pem", root) })
    end
    for number = 1, 32 do assert(add(number)) end
    local result, err = add(33)
    assert.is_nil(result)
    assert.equal("limit.exceeded", err.code)
    assert.equal(32, #assert(trust.list(path)))
    assert(trust.remove(path, trust.list(path)[1].sha256))
    assert(add(33))
  end)

  it("loses a root by its fingerprint, but never the last one", function()
    local path = dir:file "d.pem"
    assert(trust.add(path, { dir:file "root.pem", dir:file "next.pem" }))
    local list = assert(trust.list(path))
    assert.is_nil((trust.remove(path, "12345678")))
    assert.is_nil((trust.remove(path, list[1].sha256:sub(1, 7))))
    assert(trust.remove(path, list[1].sha256:sub(1, 16):lower()))
    local kept, err = trust.remove(path, list[2].sha256)
    assert.is_nil(kept)
    assert.equal("usage.invalid", err.code)
    assert.same(subjects { list[2] }, subjects(assert(trust.list(path))))
  end)

  it("is what connections trust beside the system's authorities", async(function()
    local home <close> = landscape.open()
    local path = home.dir:file "trust.pem"
    assert(trust.add(path, { dir:file "root.pem" }))
    local options = home:tenant_options("secret", { trust = path })
    options.cacert = nil
    local function outcome()
      local tenant <close> = assert(iflow.tenant(options))
      local answer, err = tenant:call { to = "/http/orders", body = "1" }
      return answer and answer.outcome or err.code
    end
    assert.is_truthy(({ ["tls.untrusted"] = true, ["tls.chain"] = true })[outcome()])
    assert(trust.add(path, { home.cacert }))
    assert.equal("delivered", outcome())
    assert.has_error(function()
      iflow.tenant { service_key = options.service_key, trust = path, cacert = home.cacert }
    end)
  end))

  it("of a sender counts instead of a variable's roots, and cannot stand beside them", async(
    function()
      local home <close> = landscape.open()
      local key = home:key "secret".path
      local store = home.dir:file "trust.pem"
      assert(trust.add(store, { home.cacert }))
      local script = home.dir:write("s.lua", ([[
        local iflow = require "iflow"
        iflow.sender "orders" { to = "/http/orders", trust = %q, service_key = %q }
      ]]):format(store, key))
      local input = home.dir:write("input", "1")
      local function run(...)
        return process.run { process.iflow, timeout = 60, dir = home.dir.path,
          env = { IFLOW_CACERT = dir:file "root.pem" }, ... }
      end
      local ran = run("run", script, "--sender", "orders", "--input", input)
      assert.equal(0, ran.code, ran.err)
      local shown = run("curl", "--script", script, "--input", input)
      assert.equal(0, shown.code, shown.err)
      assert.is_nil(shown.out:find(dir:file "root.pem", 1, true))
      for _, words in ipairs { { "call", "/http/orders" }, { "check" }, { "token" },
                               { "curl", "/http/orders" }, { "run", script } } do
        table.move({ "--trust", store, "--service-key", key }, 1, 4, #words + 1, words)
        assert.equal(2, run(table.unpack(words)).code, words[1])
      end
    end))

  it("is kept on the command line", async(function()
    local path = dir:file "e.pem"
    local function run(...) return process.run { timeout = 60, process.iflow, "trust", ... } end
    assert.equal(0, run("add", dir:file "root.pem", "--trust", path).code)
    assert.equal(2, run("add", dir:file "leaf.pem", "--trust", path).code)
    local list = core.json.decode(run("list", "--json", "--trust", path).out)
    assert.equal(1, #list)
    assert.equal("not listed", list[1].sap)
    assert.equal(0, run("add", dir:file "next.cer", "--trust", path).code)
    assert.equal(0, run("remove", list[1].sha256, "--trust", path).code)
    assert.equal(2, run("list", "--trust", dir:file "none.pem").code)
  end))
end)
