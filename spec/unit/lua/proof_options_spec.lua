-- The sender options api, confirm and in_doubt: what is accepted, and where it is refused.
local iflow = require "iflow"
local raises = require "spec.support.raises"
local registry = require "iflow.registry"

local before
before_each(function() before = registry.install(registry.new()) end)
after_each(function() registry.install(before) end)

local function options_of(options)
  options.to = "/http/x"
  local s = iflow.sender "d" (options)
  registry.install(registry.new())
  return s.options
end

describe("the option api", function()
  it("is a path, or options of iflow.tenant", function()
    assert.same({ service_key = "api.json" }, options_of { api = "api.json" }.api)
    local given = { service_key = "api.json", url = "https://edge/location/1" }
    assert.same(given, options_of { api = given }.api)
    assert.is_nil(options_of {}.api)
  end)

  it("is refused where it stands", function()
    raises("'api' must be the path", function() iflow.sender "d" { to = "/x", api = 5 } end)
    raises("'api' needs a service_key", function() iflow.sender "d" { to = "/x", api = {} } end)
    raises("unknown option 'ur', did you mean 'url'", function()
      iflow.sender "d" { to = "/x", api = { service_key = "a", ur = "x" } }
    end)
  end)
end)

describe("the option confirm", function()
  it("has a timeout of ten minutes, or another one", function()
    assert.same({ timeout = 600 }, options_of { api = "a", confirm = true }.confirm)
    assert.same({ timeout = 600 }, options_of { api = "a", confirm = {} }.confirm)
    assert.same({ timeout = 90 }, options_of { api = "a", confirm = { timeout = "90s" } }.confirm)
    assert.is_false(options_of { confirm = false }.confirm)
    assert.is_false(options_of { api = "a" }.confirm)
  end)

  it("is refused where it stands", function()
    raises("'confirm' needs the option 'api'", function()
      iflow.sender "d" { to = "/x", confirm = true }
    end)
    raises("'confirm' must be true, false or", function()
      iflow.sender "d" { to = "/x", api = "a", confirm = "yes" }
    end)
    raises("unknown option 'timout', did you mean 'timeout'", function()
      iflow.sender "d" { to = "/x", api = "a", confirm = { timout = 5 } }
    end)
    raises("option 'timeout'", function()
      iflow.sender "d" { to = "/x", api = "a", confirm = { timeout = "soon" } }
    end)
  end)
end)

describe("the option in_doubt", function()
  it("is a policy, or a table of settings with defaults", function()
    local defaults = { policy = "hold", wait = 90, running = 600, first = 0.5, max = 15 }
    assert.same(defaults, options_of {}.in_doubt)
    assert.same(defaults, options_of { in_doubt = "hold" }.in_doubt)
    assert.equal("repeat", options_of { in_doubt = "repeat" }.in_doubt.policy)
    local given = { policy = "reject", wait = "2m", running = 60, first = 1 }
    assert.same({ policy = "reject", wait = 120, running = 60, first = 1, max = 15 },
      options_of { in_doubt = given }.in_doubt)
  end)

  it("never asks without a pause, nor with a longest one below the shortest", function()
    local checked = options_of { in_doubt = { first = 0, max = 0 } }.in_doubt
    assert.is_true(checked.first > 0 and checked.max >= checked.first)
  end)

  it("is refused where it stands", function()
    raises("did you mean 'repeat'", function()
      iflow.sender "d" { to = "/x", in_doubt = "repaet" }
    end)
    raises("\"hold\", \"repeat\" or \"reject\"", function()
      iflow.sender "d" { to = "/x", in_doubt = true }
    end)
    raises("unknown option 'polcy', did you mean 'policy'", function()
      iflow.sender "d" { to = "/x", in_doubt = { polcy = "hold" } }
    end)
    raises("option 'wait'", function() iflow.sender "d" { to = "/x", in_doubt = { wait = -1 } } end)
  end)
end)
