-- iflow cert as a process: check with its exit codes and lists, fetch from a server (also through a
-- proxy), request, roots; and what hostile archives get.
local core = require "iflow.core"
local process = require "spec.support.process"
local tinyproxy = require "spec.support.tinyproxy"

local DAY = 24 * 3600
local dir, keys, root

local function issue(options)
  options.subject = options.subject or { { "CN", "sender" } }
  options.key = options.key or keys.leaf
  options.not_before = options.not_before or os.time() - DAY
  if options.issuer then options.issuer_key = keys.root end
  return assert(core.authority.issue(options))
end

setup(function()
  dir = process.tempdir()
  keys = { root = assert(core.authority.keypair { type = "ec" }),
           leaf = assert(core.authority.keypair { type = "ec" }) }
  root = issue { key = keys.root, subject = { { "CN", "Own Root" } }, ca = true,
                 not_after = os.time() + 4000 * DAY }
  dir:write("root.pem", root)
  dir:write("key.pem", keys.leaf:private_pem())
end)

teardown(function() dir:close() end)

local function iflow(...) return process.run { process.iflow, "cert", ... } end

local function json(...)
  local result = iflow(...)
  return assert(core.json.decode(result.out), result.out .. result.err), result.code
end

-- A leaf of the root that ends at that time, with the root behind it.
local function chain_until(seconds, more)
  local options = { issuer = root, client_auth = true, not_after = os.time() + seconds }
  for key, value in pairs(more or {}) do options[key] = value end
  return dir:write("chain.pem", issue(options) .. root)
end

-- A file with a list that has our root.
local function list_with_root(name)
  local info = assert(core.cert.parse(root))
  return dir:write(name, core.json.encode { name = name, roots = core.json.array {
    { subject = info.certificates[1].subject, sha256 = info.certificates[1].sha256 } } })
end

local function verdicts(report)
  local found = {}
  for _, finding in ipairs(report.findings) do found[finding.name] = finding.verdict end
  return found
end

describe("iflow cert check", function()
  it("says with its exit code how long it lasts", function()
    local list = list_with_root "list.json"
    local function code(seconds, more)
      return iflow("check", chain_until(seconds, more), "--key", dir:file "key.pem", "--lb-roots",
        list, "--token-roots", list).code
    end
    assert.equal(0, code(100 * DAY))
    assert.equal(10, code(20 * DAY))
    assert.equal(11, code(3 * DAY))
    assert.equal(12, code(DAY // 2))
    assert.equal(13, code(-60))
    assert.equal(13, code(100 * DAY, { not_before = os.time() + DAY }))
    assert.equal(3, code(100 * DAY, { client_auth = false }))
  end)

  it("tells what a list means for tokens and for direct use", function()
    local path, list = chain_until(100 * DAY), list_with_root "list.json"
    local both = json("check", path, "--lb-roots", list, "--token-roots", list, "--json")
    assert.same({ true, true }, { both.direct, both.token })
    local direct, code = json("check", path, "--lb-roots", list, "--json")
    assert.same({ true, false }, { direct.direct, direct.token })
    assert.equal("warning", verdicts(direct).use)
    assert.equal(0, code)
    local token = json("check", path, "--token-roots", list, "--json")
    assert.same({ false, nil }, { token.direct, token.token })
    local none
    none, code = json("check", path, "--json")
    assert.same({ false, false }, { none.direct, none.token })
    assert.equal("failed", verdicts(none).use)
    assert.equal(3, code)
  end)

  it("finds a root that is given beside the file", function()
    local path = dir:write("leaf.pem", issue { issuer = root, client_auth = true })
    assert.equal("failed", verdicts(json("check", path, "--json")).complete)
    local found = verdicts(json("check", path, "--cacert", dir:file "root.pem", "--json"))
    assert.equal("fine", found.complete)
    assert.equal("unknown", found.key)
  end)

  it("wants intermediates in the file, even when they are known from elsewhere", function()
    local middle = issue { subject = { { "CN", "Middle" } }, key = keys.root, issuer = root,
                           ca = true }
    local leaf = assert(core.authority.issue { subject = { { "CN", "sender" } }, key = keys.leaf,
      issuer = middle, issuer_key = keys.root, client_auth = true })
    local known, list = dir:write("known.pem", middle .. root), list_with_root "list.json"
    local function complete(text)
      local report, code = json("check", dir:write("leaf.pem", text), "--cacert", known,
        "--lb-roots", list, "--json")
      return { verdicts(report).complete, code }
    end
    assert.same({ "failed", 3 }, complete(leaf))
    assert.same({ "fine", 0 }, complete(leaf .. middle))
    assert.same({ "fine", 0 }, complete(leaf .. middle .. root))
  end)

  it("tells a key that SAP made from one of your own beside a service key", function()
    local leaf = issue { issuer = root, client_auth = true, not_after = os.time() + 5 * DAY }
    local function key_file(name, private)
      return dir:write(name, core.json.encode { oauth = { clientid = "c", certificate = leaf,
        key = private, tokenurl = "https://t.example.com/oauth/token",
        url = "https://r.example.com" } })
    end
    local made = json("check", key_file("made.json", keys.leaf:private_pem()), "--json")
    assert.same({ "fine", true }, { verdicts(made)["token server"], made.token })
    for _, finding in ipairs(made.findings) do
      if finding.name == "dates" then
        assert.truthy(finding.next_step:find("iflow instance key create", 1, true))
      end
    end
    local own = json("check", key_file("own.json"), "--key", dir:file "key.pem", "--cacert",
                     dir:file "root.pem", "--json")
    assert.same({ "warning", "fine" }, { verdicts(own)["token server"], verdicts(own).key })
  end)

  it("takes certificate, key and passphrase from elsewhere", function()
    local leaf = dir:write("leaf.pem", issue { issuer = root, client_auth = true })
    local pass, locked = dir:write("pass", "open sesame\n"), dir:file "locked.key"
    assert(process.run { "openssl", "pkcs8", "-topk8", "-in", dir:file "key.pem", "-out", locked,
      "-passout", "file:" .. pass }.code == 0)
    local function cat(path) return "command:cat " .. process.quote(path) end
    for _, words in ipairs {
      { cat(leaf), "--key", dir:file "key.pem" },
      { leaf, "--key", cat(dir:file "key.pem") },
      { cat(leaf), "--key", cat(locked), "--pass-file", cat(pass) },
    } do
      words[#words + 1] = "--json"
      assert.equal("fine", verdicts(json("check", table.unpack(words))).key)
    end
    assert.equal(2, iflow("check", leaf, "--key", "credential:none").code)
    assert.equal(0, iflow("request", dir:file "asked", "--subject", "CN=x", "--pass-file",
      cat(pass)).code)
    assert.is_truthy(process.read(dir:file "asked.key.pem"):find("ENCRYPTED", 1, true))
    local store = dir:file "store.p12"
    assert.equal(0, process.run { "openssl", "pkcs12", "-export", "-in", leaf, "-inkey",
      dir:file "key.pem", "-out", store, "-passout", "file:" .. pass }.code)
    assert.equal(0, iflow("show", store, "--pass-file", cat(pass)).code)
  end)

  it("names the file of authorities that holds none", function()
    local path = dir:write("leaf.pem", issue { issuer = root, client_auth = true })
    local document, code = json("check", path, "--cacert", dir:write("no.pem", "no"), "--json")
    assert.same({ "cert.invalid", 2 }, { document.error.code, code })
    assert.truthy(document.error.message:find("no.pem", 1, true))
  end)

  it("sees a key of something else, and a self-signed certificate", function()
    local own = dir:write("own.pem", issue { client_auth = true, key = keys.root })
    local found = verdicts(json("check", own, "--key", dir:file "key.pem", "--json"))
    assert.equal("failed", found.key)
    assert.equal("failed", found.complete)
  end)

  it("names a removed root as such", function()
    local info = assert(core.cert.parse(root)).certificates[1]
    for _, hash in ipairs { "sha256", "sha1" } do
      local list = dir:write("removed.json", core.json.encode { name = "x",
        roots = core.json.array { { subject = "CN=else", [hash] = info[hash], removed = true } } })
      local report = json("check", chain_until(100 * DAY), "--lb-roots", list, "--json")
      assert.is_false(report.direct)
      assert.is_truthy(report.findings[6].evidence:find("CN=else", 1, true))
    end
  end)

  it("trusts no name: a root called as a listed one is not it", function()
    local list = dir:write("named.json", core.json.encode { name = "x", roots = core.json.array {
      { subject = "CN=Own Root", sha256 = ("0"):rep(64) } } })
    local report = json("check", chain_until(100 * DAY), "--lb-roots", list, "--json")
    assert.is_false(report.direct)
    local leaf = dir:write("leaf.pem", issue { issuer = root, client_auth = true })
    report = json("check", leaf, "--lb-roots", list, "--json")
    assert.is_nil(report.direct)
    assert.equal("unknown", verdicts(report).complete)
  end)

  it("cannot read what is no certificate", function()
    local _, code = json("check", dir:write("note", "hello"), "--json")
    assert.equal(2, code)
    assert.equal(2, iflow("check", dir:file "key.pem").code)
  end)
end)

describe("iflow cert fetch", function()
  local server, port

  setup(function()
    local leaf = issue { issuer = root, server_auth = true, subject = { { "CN", "../x y" } },
                         sans = { "DNS:localhost" } }
    dir:write("server.pem", leaf)
    port = process.free_port()
    server = process.start { "openssl", "s_server", "-accept", "127.0.0.1:" .. port, "-cert",
      dir:file "server.pem", "-cert_chain", dir:file "root.pem", "-key", dir:file "key.pem",
      "-quiet" }
    process.wait_port(port, server)
  end)

  teardown(function() server:stop() end)

  it("names the root, and writes files whose names lead nowhere else", function()
    local seen = json("fetch", "https://localhost:" .. port .. "/http/x", "--output-dir",
      dir:file "out", "--zip", dir:file "out.zip", "--format", "both", "--json")
    assert.equal(2, #seen.chain)
    assert.equal("CN=Own Root", seen.root.subject)
    assert.equal("chain", seen.root_from)
    assert.is_false(seen.verified)
    assert.is_true(seen.host_matches)
    assert.equal(5, #seen.files)
    for _, path in ipairs(seen.files) do
      assert.equal(dir.path, path:match "^(.-)/out")
      assert.is_nil(path:find("..", 1, true))
    end
    local zip = json("show", dir:file "out.zip", "--json")
    assert.equal("zip", zip.format)
    assert.equal(2, #zip.certificates)
    assert.equal(0, process.run({ "python3", "-m", "zipfile", "-t", dir:file "out.zip" }).code)
  end)

  it("replaces no file unasked", function()
    local zip = dir:write("mine.zip", "x")
    local words = { "fetch", "localhost:" .. port, "--zip", zip }
    assert.equal(2, iflow(table.unpack(words)).code)
    assert.equal("x", process.read(zip))
    assert.equal(0, iflow("fetch", "localhost:" .. port, "--zip", zip, "--force").code)
  end)

  it("goes through a proxy", function()
    local proxy <close> = tinyproxy.start { dir = dir }
    local seen = json("fetch", "localhost:" .. port, "--proxy", proxy.url, "--json")
    assert.equal(2, #seen.chain)
    assert.equal(1, proxy.requests())
  end)

  it("trusts what is given with --cacert, and finds the root there", function()
    local seen = json("fetch", "localhost:" .. port, "--cacert", dir:file "root.pem", "--json")
    assert.is_true(seen.verified)
  end)

  it("says that nobody is there", function()
    assert.equal(4, iflow("fetch", "localhost:" .. process.free_port()).code)
    assert.equal(2, iflow("fetch", "a b").code)
    assert.equal(2, iflow("fetch", "localhost:99999").code)
  end)
end)

describe("iflow cert request", function()
  local function request(...)
    return iflow("request", dir:file "new", "--subject", "CN=orders, O=A\\, B, C=DE", ...)
  end

  for kind, words in pairs { ["rsa-2048"] = "2048 bit", ["rsa-3072"] = "3072 bit",
                             ["ec-p256"] = "P-256", ["ec-p384"] = "P-384" } do
    it("makes what openssl verifies: " .. kind, function()
      assert.equal(0, request("--type", kind, "--san", "DNS:a.example", "--force").code)
      local text = process.run { "openssl", "req", "-in", dir:file "new.csr.pem", "-noout", "-text",
        "-verify", "-nameopt", "RFC2253" }
      assert.equal(0, text.code)
      for _, wanted in ipairs { words, "C=DE,O=A\\, B,CN=orders", "TLS Web Client Authentication",
        "DNS:a.example" } do
        assert.is_truthy(text.out:find(wanted, 1, true), wanted)
      end
      local key = dir:file "new.key.pem"
      local public = process.run { "openssl", "pkey", "-in", key, "-pubout" }
      assert.equal(public.out, process.run({ "openssl", "req", "-in", dir:file "new.csr.pem",
        "-pubkey", "-noout" }).out)
      assert.equal("600\n", process.run({ "stat", "-c", "%a", key }).out)
    end)
  end

  it("encrypts the key, and reads it again", function()
    local pass = dir:write("pass", "hunter2\n")
    assert.equal(0, request("--type", "ec-p256", "--pass-file", pass, "--force").code)
    local file = dir:file "new.key.pem"
    assert.is_truthy(process.read(file):find "^%-%-%-%-%-BEGIN ENCRYPTED PRIVATE KEY")
    local function open(word)
      return process.run({ "openssl", "pkey", "-in", file, "-passin", "pass:" .. word, "-noout" })
        .code
    end
    assert.equal(0, open "hunter2")
    assert.not_equal(0, open "other")
    local info = json("show", file, "--pass-file", pass, "--json")
    assert.same({ true, false }, { info.has_key, info.key_locked })
  end)

  it("replaces no key, and takes no nonsense", function()
    dir:write("new.key.pem", "mine")
    assert.equal(2, request().code)
    assert.equal("mine", dir:read "new.key.pem")
    assert.equal(2, iflow("request", dir:file "other", "--subject", "nobody").code)
    assert.equal(2, iflow("request", dir:file "other", "--subject", "XX=1").code)
    assert.equal(2, iflow("request", dir:file "other", "--subject", "CN=a", "--san", "a").code)
    assert.is_nil(dir:read "other.key.pem")
  end)
end)

describe("iflow cert roots", function()
  it("writes what it reads", function()
    local lists = json("roots", "--json")
    local accepted, removed = 0, 0
    for _, row in ipairs(lists.load_balancer.roots) do
      if row.removed then removed = removed + 1 else accepted = accepted + 1 end
    end
    assert.same({ 57, 13, 5 }, { accepted, removed, #lists.token_server.roots })
    local path = dir:write("lists.json", core.json.encode(lists))
    assert.same(lists, (json("roots", "--lb-roots", path, "--token-roots", path, "--json")))
  end)

  it("refuses a damaged list", function()
    for _, text in ipairs { "{", "[]", '{"roots":[]}', '{"roots":[{"subject":"CN=a"}]}',
      '{"roots":[{"subject":"CN=a","sha256":"12"}]}' } do
      assert.equal(2, iflow("roots", "--lb-roots", dir:write("bad.json", text)).code)
    end
  end)
end)

describe("a zip archive that is not what it seems", function()
  local function zip(code)
    local path = dir:file "hostile.zip"
    local result = process.run { "python3", "-c", ([[
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED)
%s
z.close()]]):format(code), path }
    assert(result.code == 0, result.err)
    local shown = json("show", path, "--json")
    return shown.error and shown.error.code
  end

  it("is refused before it is unpacked", function()
    assert.equal("limit.exceeded", zip [[z.writestr("a.cer", b"0" * 200000)]])
    assert.equal("limit.exceeded", zip [[import os; z.writestr("a.cer", os.urandom(300000))]])
    assert.equal("limit.exceeded", zip [[
for i in range(100): z.writestr("%d.cer" % i, "x")]])
    assert.equal("cert.invalid", zip [[z.writestr("readme.txt", "hello")]])
    assert.equal("cert.invalid", zip "")
    assert.equal("cert.invalid", zip [[z.writestr("a.cer", "-----BEGIN CERTIFICATE-----\nAAAA")]])
  end)

  it("lies about nothing that is believed", function()
    assert.equal("cert.invalid", zip [[
z.writestr("a.cer", b"0" + bytes(range(200)))
z.filelist[0].file_size = 10]])
    assert.equal("cert.invalid", zip [[
z.writestr("a.cer", b"0" + bytes(range(200)))
z.filelist[0].CRC = 1]])
  end)
end)
