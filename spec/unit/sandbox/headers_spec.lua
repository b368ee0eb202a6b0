local headers = require "iflow.sandbox.runtime.headers"

local function allowed(given, name)
  return headers.allowed({ allowed_patterns = headers.patterns(given) }, name)
end

describe("Allowed Headers", function()
  it("are names and wildcards, in any case", function()
    assert.is_true(allowed("X-One|x-two", "x-one"))
    assert.is_true(allowed("X-One|x-two", "x-two"))
    assert.is_true(allowed({ "SAP_*" }, "sap_sender"))
    assert.is_true(allowed("*", "anything"))
    assert.is_false(allowed("X-One", "x-one-more"))
    assert.is_false(allowed("X.One", "x-one"))
    assert.is_false(allowed({}, "x-one"))
    assert.is_false(allowed("", "x-one"))
  end)

  it("are nothing else", function()
    assert.is_nil(headers.patterns(5))
    assert.is_nil(headers.patterns { 5 })
  end)
end)

describe("the headers that a flow sees", function()
  local function seen(query, given, by)
    local tenant = { addresses = { url = function() return "https://rt" end } }
    return headers.of(tenant, {
      method = "GET", path = "/http/a", rest = "", query = query, headers = given or {},
      caller = { by = by or "certificate", client_id = "sb-1" },
      flow = { address = "/a", allowed_patterns = headers.patterns "*" } })
  end

  it("are the parameters, too, appended to headers of their names", function()
    local got = seen("b=2&A=3&%C3%BC=1&d=x%0d%0ay", { a = "1" })
    assert.same({ "1, 3", "2", "1", "x\r\ny" }, { got.a, got.b, got["\u{FC}"], got.d })
  end)

  it("say who calls only by what balancer and runtime know", function()
    local got = seen("SSL_CLIENT_CERT=evil&ssl_client_user=evil&X-Forwarded-Client-Cert=evil"
      .. "&x_ssl_client_verify=evil&SapAuthenticatedUserName=evil&CamelHttpPath=evil",
      { ssl_client_user = "CN=me", sapauthenticatedusername = "evil", camelx = "evil" })
    assert.equal("CN=me", got.ssl_client_user)
    got.camelhttpquery = nil -- names them
    for name, value in pairs(got) do assert.not_matches("evil", value, 1, true, name) end
    assert.is_nil(got.sapauthenticatedusername)
    got = seen("sapauthenticatedusername=evil", {}, "token")
    assert.equal("sb-1", got.sapauthenticatedusername)
  end)

  it("have no name with white space or control characters", function()
    local got = seen "x%0d%0ay=1&a%20b=2&c%00=3"
    for name in pairs(got) do assert.is_nil(name:find "[%s%c]", name) end
  end)
end)
