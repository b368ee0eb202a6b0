local cli_config = require "iflow.cf.cli_config"
local process = require "spec.support.process"

local function read(text)
  local dir <close> = process.tempdir()
  return cli_config.read(dir:write("config.json", text))
end

describe("the configuration of the cf CLI", function()
  it("is below CF_HOME, else below HOME", function()
    local function path(env) return cli_config.path(function(name) return env[name] end) end
    assert.equal("/a/.cf/config.json", path { CF_HOME = "/a", HOME = "/b" })
    assert.equal("/b/.cf/config.json", path { CF_HOME = "", HOME = "/b" })
    assert.is_nil(path {})
  end)

  it("has target, tokens, client and space", function()
    local found = assert(read [[{
      "AccessToken": "bearer ey.1", "RefreshToken": "r2", "Target": "https://api.cf.example.com",
      "UAAOAuthClient": "cf", "UAAOAuthClientSecret": "",
      "OrganizationFields": { "GUID": "g1", "Name": "acme" },
      "SpaceFields": { "GUID": "s1", "Name": "dev" } }]])
    assert.same({ "ey.1", "r2" }, { found.access:reveal(), found.refresh:reveal() })
    found.access, found.refresh = nil, nil
    assert.same({ api = "https://api.cf.example.com", client = "cf", org = "acme", space = "dev",
                  space_guid = "s1" }, found)
  end)

  it("is none when nobody ever logged on", function()
    for _, text in ipairs { "", "[]", "{}", '{"Target":""}', '{"Target":1}' } do
      assert.equal("cf.login", select(2, read(text)).code)
    end
    assert.equal("cf.login", select(2, cli_config.read(nil)).code)
    assert.equal("cf.login", select(2, cli_config.read "/no/such/file").code)
  end)
end)
