-- /metrics of a running service: what it counts, promtool's rules of naming and format, and a real
-- Prometheus server that scrapes it. Debian's package prometheus (scripts/setup --test).
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

local JOB = [[
iflow.every "poll" { interval = "1d", run = function() end }
iflow.every "tick" { interval = "1s", run = function() end }]]

-- "name{labels}" -> value
local function read(text)
  local samples = {}
  for line in text:gmatch "[^\n]+" do
    local name, value = line:match "^([%a_:][^ ]*) (%S+)$"
    if name then samples[name] = tonumber(value) or value end
  end
  return samples
end

local function scrape(service)
  local answer = assert(core.http.request { method = "GET", proxy = "",
    url = "http://" .. service.started.control .. "/metrics" })
  assert.equal(200, answer.status)
  return answer.body, answer.headers["content-type"]
end

-- One message is delivered, one refused: so many of both that every family has a sample.
local function with_service(fn)
  return async(function()
    local place <close> = serve.place { runtime = function(req, n)
      req:answer(n == 1 and 400 or 200, { ["Content-Type"] = "text/plain" }, "answer")
    end }
    place:script("orders.lua", serve.SENDER .. JOB)
    place:store(3)
    local service <close> = place:serve("orders.lua")
    process.wait_for("three outcomes", function()
      local samples = read(scrape(service))
      return samples['iflow_messages_total{sender="orders",outcome="delivered"}'] == 2
        and samples['iflow_messages_total{sender="orders",outcome="rejected"}'] == 1
    end)
    fn(service, place)
    assert.equal(0, service:stop().code)
  end)
end

local function promtool(...)
  local result = process.run { "promtool", ... }
  assert.equal(0, result.code, result.out .. result.err)
end

describe("/metrics", function()
  it("tells what became of messages, calls and tokens", with_service(function(service)
    local text, kind = scrape(service)
    assert.equal("text/plain; version=0.0.4; charset=utf-8", kind)
    local samples = read(text)
    assert.equal(2, samples['iflow_attempts_total{sender="orders",outcome="delivered"}'])
    assert.equal(1, samples['iflow_attempts_total{sender="orders",outcome="rejected"}'])
    assert.equal(3, samples['iflow_attempt_duration_seconds_count{sender="orders"}'])
    assert.equal(3, samples['iflow_attempt_duration_seconds_bucket{sender="orders",le="+Inf"}'])
    assert.equal(2, samples['iflow_delivery_duration_seconds_count{sender="orders"}'])
    assert.equal(1, samples.iflow_dead_letters)
    assert.is_true(samples.iflow_token_requests_total >= 1)
    assert.equal(0, samples.iflow_token_request_failures_total)
    assert.is_true(samples.iflow_http_requests_total >= 4)
    assert.equal(0, samples['iflow_sender_paused{sender="orders"}'])
    assert.equal(0, samples['iflow_job_missed_runs_total{job="poll"}'])
    assert.is_true(samples['iflow_job_next_run_timestamp_seconds{job="poll"}'] > os.time())
    assert.is_true(samples.process_resident_memory_bytes > 1e6)
    assert.is_true(samples.iflow_loop_lag_seconds >= 0)
    assert.equal(1, samples.iflow_ready)
  end))

  it("has the states of the outbox by sender", with_service(function(service)
    process.wait_for("a look at the outbox", function()
      local samples = read(scrape(service))
      return samples['iflow_outbox_messages{sender="orders",state="rejected"}'] == 1
        and samples['iflow_outbox_messages{sender="orders",state="ready"}'] == 0
        and samples['iflow_outbox_oldest_age_seconds{sender="orders"}'] == 0
    end)
  end))

  it("has the runs of jobs", with_service(function(service)
    process.wait_for("a run", function()
      local samples = read(scrape(service))
      return samples['iflow_job_runs_total{job="tick",outcome="fine"}'] > 0
        and samples['iflow_job_last_success_timestamp_seconds{job="tick"}'] > 0
        and samples['iflow_job_runs_total{job="poll",outcome="fine"}'] == 0
    end)
  end))

  it("shows a sender whose credentials are refused", async(function()
    local place <close> = serve.place { token = function(req)
      req:answer(401, { ["Content-Type"] = "application/json" }, '{"error":"unauthorized"}')
    end }
    place:script("orders.lua", serve.SENDER)
    place:store(1)
    local service <close> = place:serve("orders.lua")
    process.wait_for("the pause", function()
      local samples = read(scrape(service))
      return samples['iflow_sender_paused{sender="orders"}'] == 1
        and samples.iflow_token_request_failures_total > 0 and samples.iflow_ready == 0
        and samples['iflow_outbox_messages{sender="orders",state="ready"}'] == 1
    end)
    assert.equal(0, service:stop().code)
  end))

  it("is what promtool wants", with_service(function(service, place)
    place.dir:write("metrics", (scrape(service)))
    promtool("check", "rules", "scripts/package/alerts.yml")
    local result = process.run { "sh", "-c", "promtool check metrics <" .. process.quote(
      place.dir:file "metrics") }
    assert.equal(0, result.code, result.out .. result.err)
    assert.equal("", result.out .. result.err)
  end))

  -- Series at the time 0, which stay as they are, and the alerts that fire after two hours.
  local function alerts_of(series, expected)
    local dir <close> = process.tempdir()
    local lines = { "rule_files: [ " .. core.file.absolute "scripts/package/alerts.yml" .. " ]",
      "evaluation_interval: 1m", "tests:", "  - interval: 1m", "    input_series:" }
    for _, text in ipairs(series) do
      local name, value = text:match "^(.*) (%S+)$"
      lines[#lines + 1] = ("      - { series: '%s', values: '%sx180' }"):format(name, value)
    end
    lines[#lines + 1] = "    promql_expr_test:"
    lines[#lines + 1] = "      - expr: sort(sum by (alertname) (ALERTS{alertstate='firing'}))"
    lines[#lines + 1] = "        eval_time: 2h"
    lines[#lines + 1] = "        exp_samples:"
    for _, name in ipairs(expected) do
      lines[#lines + 1] = ("          - { labels: '{alertname=\"%s\"}', value: 1 }"):format(name)
    end
    if #expected == 0 then lines[#lines] = "        exp_samples: []" end
    promtool("test", "rules", dir:write("test.yml", table.concat(lines, "\n") .. "\n"))
  end

  local DAY = 86400

  local function expiry(kind, days)
    return ('iflow_certificate_expiry_timestamp_seconds{owner="sender",name="orders",kind="%s"} %d')
      :format(kind, 7200 + days * DAY)
  end

  local function active(kind, value)
    return ('iflow_credential_active{owner="sender",name="orders",kind="%s"} %d'):format(kind,
      value)
  end

  it("has alerts for credentials that end, and that are old", function()
    alerts_of({ expiry("client certificate", 31) }, {})
    alerts_of({ expiry("client certificate", 29) }, { "IflowCredentialExpires" })
    alerts_of({ expiry("client certificate", 6) },
      { "IflowCredentialExpires", "IflowCredentialExpiresSoon" })
    alerts_of({ ('iflow_credential_created_timestamp_seconds{owner="sender",name="orders",'
      .. 'kind="service key"} %d'):format(-181 * DAY) }, { "IflowKeyIsOld" })
  end)

  it("has none for a credential that its successor has replaced", function()
    local both = { expiry("service key", 1), expiry("next service key", 300) }
    both[3], both[4] = active("service key", 0), active("next service key", 1)
    alerts_of(both, {})
    both[3], both[4] = active("service key", 1), active("next service key", 0)
    alerts_of(both, { "IflowCredentialExpires", "IflowCredentialExpiresSoon" })
  end)

  it("is scraped by a Prometheus server, whose alerts fire", with_service(
    function(service, place)
      local port = process.free_port()
      local function ask(target)
        local answer = core.http.request { url = ("http://127.0.0.1:%d%s"):format(port, target),
          method = "GET", proxy = "" }
        return answer and answer.status == 200 and core.json.decode(answer.body) or nil
      end
      place.dir:write("prometheus.yml", ([[
global: { scrape_interval: 500ms, evaluation_interval: 500ms }
rule_files: [ "rules.yml" ]
scrape_configs:
  - job_name: iflow
    static_configs: [ { targets: [ "%s" ] } ]
]]):format(service.started.control))
      -- The alerts as they are, without the time that they wait for better days.
      place.dir:write("rules.yml", (process.read "scripts/package/alerts.yml":gsub("for: %d+%a",
        "for: 0s")))
      local server <close> = process.start { "prometheus", "--config.file=" .. place.dir:file
        "prometheus.yml", "--storage.tsdb.path=" .. place.dir:file "tsdb",
        ("--web.listen-address=127.0.0.1:%d"):format(port) }
      process.wait_port(port, server)
      local found = process.wait_for("a sample in Prometheus", function()
        local value = ask "/api/v1/query?query=iflow_messages_total%7Boutcome%3D%22delivered%22%7D"
        return value and value.data.result[1]
      end)
      assert.equal("orders", found.metric.sender)
      assert.equal("2", found.value[2])
      process.wait_for("the alert of the dead letter", function()
        for _, alert in ipairs((ask "/api/v1/alerts" or { data = { alerts = {} } }).data.alerts) do
          if alert.labels.alertname == "IflowDeadLetters" then return true end
        end
      end)
    end))
end)

describe("the dashboard", function()
  it("asks for metrics that there are", with_service(function(service)
    local text = scrape(service)
    local board = assert(core.json.decode(process.read "scripts/package/grafana-dashboard.json"))
    local known = 0
    for _, panel in ipairs(board.panels) do
      for _, target in ipairs(panel.targets) do
        for name in target.expr:gmatch "iflow_[%w_]+" do
          local family = name:gsub("_bucket$", "")
          known = known + 1
          assert.is_truthy(text:find("# TYPE " .. family .. " ", 1, true)
            or family:find "^iflow_certificate" or family:find "^iflow_credential", name)
        end
      end
    end
    assert.is_true(known > 10)
  end))
end)
