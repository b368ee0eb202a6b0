-- The page /metrics of a service that says of itself what the spec says.
local async = require "spec.support.async"
local metrics = require "iflow.service.metrics"
local new_exposition = require "iflow.service.exposition"
local process = require "spec.support.process"

local asked

local function service_of(status, stats)
  asked = 0
  return { registry = { jobs = {} }, status = function() return status end,
    box = { stats = function()
      asked = asked + 1
      return stats
    end } }
end

local function with_page(status, stats, fn)
  return async(function()
    local page = new_exposition(service_of(status(), stats))
    local _ <close> = setmetatable({}, { __close = function() page:close() end })
    fn(page)
  end)
end

local function status_of(credentials)
  return function()
    return { ready = false, senders = {}, triggers = {}, credentials = credentials,
      reload = { ok = false } }
  end
end

local function has(text, line) assert.is_truthy(text:find(line .. "\n", 1, true), line) end

describe("the page of metrics", function()
  it("tells when credentials end, the first of each kind", with_page(status_of {
    { owner = "sender", name = "orders", kind = "service key", not_after = 2000 },
    { owner = "sender", name = "orders", kind = "service key", not_after = 1000, problem = "gone" },
    { owner = "relay", name = "/orders", kind = "API key" },
  }, {}, function(page)
    local text = page:text()
    has(text, "iflow_certificate_expiry_timestamp_seconds"
      .. '{owner="sender",name="orders",kind="service key"} 1000')
    has(text, 'iflow_credential_problem{owner="sender",name="orders",kind="service key"} 1')
    has(text, 'iflow_credential_problem{owner="relay",name="/orders",kind="API key"} 0')
    has(text, "iflow_ready 0")
    has(text, "iflow_reload_successful 0")
  end))

  it("tells which of two credentials is used, and how old keys are", with_page(status_of {
    { owner = "sender", name = "orders", kind = "service key", active = false, created = 2000 },
    { owner = "sender", name = "orders", kind = "next service key", active = true, created = 3000 },
    { owner = "sender", name = "other", kind = "service key" },
  }, {}, function(page)
    local text = page:text()
    has(text, 'iflow_credential_active{owner="sender",name="orders",kind="service key"} 0')
    has(text, 'iflow_credential_active{owner="sender",name="orders",kind="next service key"} 1')
    assert.is_nil(text:find('iflow_credential_active{owner="sender",name="other"', 1, true))
    has(text, "iflow_credential_created_timestamp_seconds"
      .. '{owner="sender",name="orders",kind="next service key"} 3000')
  end))

  it("is accepted by promtool whatever the names hold", with_page(status_of {
    { owner = "relay", name = 'a"b\\c\nd\xff', kind = "API key", not_after = 1e9 },
  }, { { sender = 'x"y\\z\n\xe9', ready = 3, oldest = 1 } }, function(page)
    local dir <close> = process.tempdir()
    local text = page:text()
    has(text, 'iflow_outbox_messages{sender="x\\"y\\\\z\\n?",state="ready"} 3')
    dir:write("metrics", text)
    local result = process.run { "sh", "-c", "promtool check metrics <"
      .. process.quote(dir:file "metrics") }
    assert.same({ 0, "" }, { result.code, result.out .. result.err })
  end))

  it("tells how late jobs are, and which runs they missed", with_page(status_of {}, {},
    function(page)
      local job = { name = "late", schedule = {} }
      metrics.job_began(job, { planned = 100, began = 107.5, missed = true, attempt = 1 })
      metrics.job_ended("late", "failed")
      metrics.job_began(job, { planned = 100, began = 200, missed = true, attempt = 2 }) -- again
      metrics.job_ended("late", "fine")
      metrics.job_left_out "late"
      local text = page:text()
      has(text, 'iflow_job_lag_seconds{job="late"} 7.5')
      has(text, 'iflow_job_missed_runs_total{job="late"} 1')
      has(text, 'iflow_job_skipped_runs_total{job="late"} 1')
      has(text, 'iflow_job_runs_total{job="late",outcome="failed"} 1')
      has(text, 'iflow_job_runs_total{job="late",outcome="fine"} 1')
    end))

  it("looks at the outbox now and then, not at every scrape", with_page(status_of {}, {},
    function(page)
      for _ = 1, 10 do page:text() end
      assert.equal(1, asked)
    end))

  it("does without the outbox when that fails", with_page(status_of {}, nil, function(page)
    local text = page:text()
    assert.is_nil(text:find("iflow_outbox_messages", 1, true))
    has(text, "iflow_ready 0")
  end))
end)
