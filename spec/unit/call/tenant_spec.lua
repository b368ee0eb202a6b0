local async = require "spec.support.async"
local fake_tenant = require "spec.support.fake_tenant"
local iflow = require "iflow"

local key = { oauth = {
  clientid = "id", clientsecret = "s3cret", url = "https://localhost:1",
  tokenurl = "https://localhost:1/oauth/token",
} }

local function here() return debug.getinfo(2, "l").currentline end

describe("iflow.tenant", function()
  it("raises for mistakes of the script, at its line", function()
    local cases = {
      { "unknown option 'service_kye', did you mean 'service_key'?", { service_kye = 1 } },
      { "option 'service_key' is missing", {} },
      { "option 'service_key' must be", { service_key = 7 } },
      { "option 'grant_type_in' must be 'body' or 'query'",
        { service_key = key, grant_type_in = "head" } },
      { "option 'client_auth' must be", { service_key = key, client_auth = 1 } },
      { "option 'token_cache' must be", { service_key = key, token_cache = 1 } },
      { "option 'timeout' must be", { service_key = key, timeout = "5 parsecs" } },
      { "option 'url' must be a string", { service_key = key, url = 1 } },
      { "a table of options is expected", "key.json" },
    }
    for _, case in ipairs(cases) do
      local ok, err = pcall(function() return (iflow.tenant(case[2])) end) local line = here()
      assert.is_false(ok)
      assert.matches("tenant_spec.lua:" .. line .. ": " .. case[1]:gsub("%p", "%%%0"), err)
    end
  end)

  it("returns what can happen to a correct script", function()
    local cases = {
      { "file.not_found", { service_key = "/nowhere/key.json" } },
      { "service_key.field", { service_key = { oauth = { clientid = "x" } } } },
      { "file.not_found", { service_key = key, pass_file = "/nowhere", cert = "/nowhere" } },
      { "file.not_found", { service_key = key, cert = "/nowhere" } },
      { "usage.invalid", { service_key = key, key = "/nowhere" } },
      { "usage.invalid", { service_key = key, pass_file = "/nowhere" } },
      { "url.invalid", { service_key = key, url = "ftp://x" } },
    }
    for _, case in ipairs(cases) do
      local tenant, err = iflow.tenant(case[2])
      assert.is_nil(tenant)
      assert.equal(case[1], err.code)
    end
  end)

  it("takes defaults for what it is not given", async(function()
    local module = require "iflow.tenant"
    local fake <close> = fake_tenant.start()
    module.defaults = { service_key = fake:key(), token_cache = false }
    local tenant <close> = assert(iflow.tenant {})
    module.defaults = {}
    assert(tenant:token())
    assert.has_error(function() return iflow.tenant {} end)
  end))

  it("close() can be repeated and ends use", async(function()
    local tenant = assert(iflow.tenant { service_key = key, token_cache = false })
    tenant:close()
    tenant:close()
    assert.error_matches(function() tenant:token() end, "the tenant is closed")
    assert.error_matches(function() tenant:call { to = "/x" } end, "the tenant is closed")
  end))

  it("waits in a task only", function()
    local tenant <close> = assert(iflow.tenant { service_key = key, token_cache = false })
    local ok, err = pcall(function() tenant:token() end) local line = here()
    assert.is_false(ok)
    assert.matches("tenant_spec.lua:" .. line .. ": 'token' waits", err)
    assert.error_matches(function() tenant:call { to = "/x" } end, "'call' waits")
  end)

  it("prints without a secret", function()
    local tenant <close> = assert(iflow.tenant { service_key = key, token_cache = false })
    assert.equal("iflow.tenant: id (open)", tostring(tenant))
  end)
end)

describe("tenant:call", function()
  it("raises for mistakes of the script, at its line", async(function()
    local tenant <close> = assert(iflow.tenant { service_key = key, token_cache = false })
    local cases = {
      { "unknown option 'boddy', did you mean 'body'?", { to = "/x", boddy = "" } },
      { "option 'to' is missing", {} },
      { "option 'to' must be a string", { to = 1 } },
      { "option 'method' must be a string", { to = "/x", method = 1 } },
      { "a body is a string", { to = "/x", body = { a = 1 } } },
      { "option 'body' must be", { to = "/x", body = 1 } },
      { "option 'query' must be", { to = "/x", query = 1 } },
      { "query parameter 'a' must be", { to = "/x", query = { a = print } } },
      { "option 'auth' must be", { to = "/x", auth = "digest" } },
      { "option 'csrf' must be", { to = "/x", csrf = "yes" } },
      { "option 'expect'", { to = "/x", expect = 404 } },
      { "option 'expect'", { to = "/x", expect = { "404" } } },
      { "option 'max_body' must be", { to = "/x", max_body = -1 } },
      { "option 'timeout'", { to = "/x", timeout = -1 } },
      { "option 'idempotent' must be", { to = "/x", idempotent = 1 } },
    }
    for _, case in ipairs(cases) do
      local ok, err = pcall(function() return (tenant:call(case[2])) end) local line = here()
      assert.is_false(ok)
      if case[1]:find "^a body" or case[1]:find "^unknown" then case[1] = case[1]:sub(1, 10) end
      assert.matches("tenant_spec.lua:" .. line .. ": " .. case[1]:gsub("%p", "%%%0"), err)
    end
  end))

  it("returns what can happen to a correct script, before anything is sent", async(function()
    local tenant <close> = assert(iflow.tenant { service_key = key, token_cache = false })
    local cases = {
      { "http.header", { to = "/x", headers = { ["a b"] = "c" } } },
      { "http.header", { to = "/x", headers = { a = "b\r\nc" } } },
      { "http.header", { to = "/x", headers = { Authorization = "Bearer x" } } },
      { "url.invalid", { to = "/a b" } },
      { "file.not_found", { to = "/x", body = { file = "/nowhere" } } },
      { "usage.invalid", { to = "/x", body = { file = "/dev/null" } } },
      { "file.not_found", { to = "/x", save = "/nowhere/file" } },
      { "cert.missing", { to = "/x", auth = "certificate" } },
    }
    for _, case in ipairs(cases) do
      local answer, err = tenant:call(case[2])
      assert.is_nil(answer)
      assert.equal(case[1], err.code)
    end
  end))
end)
