-- SAP's own published client library for Node against the sandbox: it gets tokens with every type
-- of key and validates them against the sandbox's JWKS, as a service of SAP would. scripts/setup
-- --test installs it below build/xssec, or writes down there why the registry does not offer it.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local HOME = "build/xssec"
local ABSENT = process.read(HOME .. "/absent")

-- What spec/support/xssec.js prints for these keys and tokens.
local function node(sb, keys, tokens)
  local oauth = {}
  for name, document in pairs(keys) do oauth[name] = document.oauth or document end
  local input = { keys = core.json.object(oauth), tokens = core.json.array(tokens or {}),
                  xsappname = "it-rt-acme-dev!b815",
                  uaadomain = sb.endpoints.token:match "^https://([^/]+)" }
  local directory = assert(core.file.absolute(HOME .. "/node_modules/@sap/xssec"))
  local result = process.run { "node", "spec/support/xssec.js", directory,
    assert(core.json.encode(input)),
    env = { NODE_EXTRA_CA_CERTS = sb.endpoints.cacert, NODE_NO_WARNINGS = "1" } }
  assert.equal(0, result.code, result.err)
  return assert(core.json.decode(result.out))
end

if ABSENT then
  it("SAP's library for Node is not offered by the registry of this machine", function()
    assert.is_nil(core.file.stat(HOME .. "/node_modules/@sap/xssec"))
    assert.is_true(#ABSENT > 0)
  end)
  return
end

describe("SAP's library for Node", function()
  it("gets a token with every type of key, and believes it", async(function()
    local sb <close> = support.start { hostname = "localhost" }
    local own = support.foreign_identity(sb, "both")
    local external = support.key(sb, "external", { x509 = own.leaf }).oauth
    local keys = {
      secret = support.key(sb, "secret"), certificate = support.key(sb, "certificate"),
      external = { clientid = external.clientid, tokenurl = external.tokenurl,
                   certificate = own.chain, key = own.key_pem },
    }
    local fetched = node(sb, keys).fetched
    for name, document in pairs(keys) do
      local got = fetched[name]
      assert.is_nil(got.error, got.text)
      assert.equal((document.oauth or document).clientid, got.client)
      assert.is_true(got.sends, name)
    end
  end))

  it("believes tokens of a retired key, and none after a forced rotation", async(function()
    local sb <close> = support.start { hostname = "localhost" }
    local key = support.key(sb, "secret")
    local function token() return support.bearer(sb, key):match "^Bearer (.*)" end
    local old = token()
    assert(sb:rotate())
    local results = node(sb, { secret = key }, { old, token() }).validated
    assert.same({}, { results[1].error, results[2].error })
    assert(sb:rotate(true))
    results = node(sb, { secret = key }, { old, token() }).validated
    assert.same({ "MissingKidError" }, { results[1].error, results[2].error })
  end))

  it("is refused with a wrong secret and a stranger's certificate", async(function()
    local sb <close> = support.start { hostname = "localhost" }
    local oauth = support.key(sb, "secret").oauth
    local certificate = support.key(sb, "certificate").oauth
    local own = support.foreign_identity(sb)
    local fetched = node(sb, {
      secret = { clientid = oauth.clientid, clientsecret = "wrong", tokenurl = oauth.tokenurl },
      stranger = { clientid = certificate.clientid, tokenurl = certificate.tokenurl,
                   certificate = own.chain, key = own.key_pem },
    }).fetched
    assert.same({ 401, 401 }, { fetched.secret.status, fetched.stranger.status })
  end))
end)
