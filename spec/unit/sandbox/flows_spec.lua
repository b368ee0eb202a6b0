local flow_file = require "iflow.sandbox.flow_file"
local flows = require "iflow.sandbox.flows"

local function flow(over)
  local given = { name = "f", address = "/orders", process = function() end }
  for name, value in pairs(over or {}) do given[name] = value end
  return flows.complete(given)
end

describe("flows.complete", function()
  it("fills in SAP's defaults", function()
    local f = assert(flow())
    assert.equal("ESBMessaging.send", f.role)
    assert.is_true(f.csrf)
    assert.equal(40 * 1024 * 1024, f.max_size)
    assert.is_false(f.stream)
  end)

  it("keeps what was given", function()
    local f = assert(flow { role = "Orders.send", csrf = false, max_size = 10 })
    assert.same({ "Orders.send", false, 10 }, { f.role, f.csrf, f.max_size })
  end)

  it("accepts the addresses of the HTTPS adapter", function()
    for _, address in ipairs { "/a", "/Customer/*", "/a/b_c/D9", "/$meta", "/a/b~c", "/a-b.c" } do
      assert(flow { address = address })
    end
  end)

  it("refuses others", function()
    for _, address in ipairs { "", "/", "a", "/a b", "/a*", "/*/a", "/-a", "/.a", "/a~b", "/a$b",
                               "/a//b", "/ä", "/a?b" } do
      assert.is_nil((flow { address = address }), address)
    end
  end)

  it("refuses what makes no flow", function()
    assert.is_nil((flow { name = "" }))
    assert.is_nil((flow { name = "a/b" }))
    assert.is_nil((flow { name = "..." }))
    assert.is_nil((flow { process = "x" }))
    assert.is_nil((flow { max_size = 0 }))
    assert.is_nil((flow { max_size = 1.5 }))
    assert.is_nil((flow { max_size = 1 << 40 }))
    assert(flow { max_size = 1 << 40, stream = true })
  end)

  it("raises on an unknown field", function()
    assert.error_matches(function() flow { adress = "/x" } end, "adress")
  end)
end)

describe("flows:find", function()
  local function deployed(...)
    local list = flows.new()
    for i, address in ipairs { ... } do
      assert(list:deploy(assert(flow { name = "f" .. i, address = address })))
    end
    return list
  end

  it("finds the exact address, in its case", function()
    local list = deployed("/orders", "/orders2")
    assert.equal("f1", list:find("/http/orders").name)
    assert.equal("f2", list:find("/http/orders2").name)
    assert.is_nil(list:find "/http/Orders")
    assert.is_nil(list:find "/http/orders/1")
    assert.is_nil(list:find "/http/")
  end)

  it("serves everything below /*, and tells the rest", function()
    local list = deployed("/Customer/*")
    local found, rest = list:find "/http/Customer/4711/orders"
    assert.equal("f1", found.name)
    assert.equal("4711/orders", rest)
    assert.is_nil(list:find "/http/Customer")
    assert.is_nil(list:find "/http/Customers/1")
  end)

  it("lets nobody own an address twice", function()
    local list = deployed("/Customer/*", "/orders")
    assert.is_nil((list:deploy(assert(flow { name = "x", address = "/orders" }))))
    assert.is_nil((list:deploy(assert(flow { name = "x", address = "/Customer/new" }))))
    assert.is_nil((list:deploy(assert(flow { name = "x", address = "/Customer/new/*" }))))
    assert.is_nil((deployed("/a/b"):deploy(assert(flow { name = "x", address = "/a/*" }))))
  end)

  it("replaces the flow of the same name", function()
    local list = deployed("/orders")
    assert(list:deploy(assert(flow { name = "f1", address = "/orders3" })))
    assert.is_nil(list:find "/http/orders")
    assert.equal("f1", list:find("/http/orders3").name)
    assert.equal(1, #list:list())
  end)

  it("serves nothing after undeploy", function()
    local list = deployed("/orders")
    assert.is_true(list:undeploy "f1")
    assert.is_false(list:undeploy "f1")
    assert.is_nil(list:find "/http/orders")
  end)
end)

describe("flow_file.load", function()
  local text = [[return { name = "f", address = "/x", process = function() return %s end }]]

  it("returns the completed flow", function()
    local f = assert(flow_file.load(text:format "201", "x.lua"))
    assert.equal(201, f.process())
  end)

  it("tells what is wrong with the file", function()
    for _, source in ipairs { "return {", "error 'x'", "return 1", "return { name = 'f' }",
                              "\27Lua", "undeclared = 1", "return undeclared" } do
      local f, err = flow_file.load(source, "x.lua")
      assert.is_nil(f)
      assert.equal("script.failed", err.code)
    end
  end)

  it("has strict globals when it runs", function()
    local f = assert(flow_file.load(text:format "typo", "x.lua"))
    local ran, why = pcall(f.process)
    assert.is_false(ran)
    assert.matches("^x.lua:1: .*'typo'", why)
  end)

  it("may use the modules of iflow", function()
    local f = assert(flow_file.load(text:format "require 'iflow.error'", "x.lua"))
    assert.equal(require "iflow.error", f.process())
  end)
end)
