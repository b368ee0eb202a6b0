-- Python's http.client, whose HTTP is not ours, against the sandbox.
local async = require "spec.support.async"
local json = require "iflow.json"
local landscape = require "spec.support.landscape"
local process = require "spec.support.process"

describe("Python's http.client against the sandbox", function()
  it("gets tokens, keeps its connection, streams chunks", async(function()
    local land <close> = landscape.open { hostname = "localhost" }
    local certificate = land:key "certificate"
    local job = land.dir:write("job.json", assert(json.encode {
      cafile = land.cacert, runtime = land.sb.endpoints.runtime, secret = land:key "secret".oauth,
      certificate = certificate.oauth, cert = certificate.cert, key = certificate.key,
    }))
    local run = process.run { "/usr/bin/python3", "spec/support/http_client.py", job }
    assert.equal("", run.err)
    local got = assert(json.decode(run.out))
    assert.equal(200, got.secret.status)
    assert.equal(200, got.certificate.status)
    assert.equal("one", json.decode(got.call.body).body)
    assert.is_true(got.same_connection)
    local pieces = {}
    for i = 0, 999 do pieces[#pieces + 1] = i .. ";" end
    assert.equal(table.concat(pieces), json.decode(got.chunked.body).body)
    assert.equal(200, got.head.status)
    assert.equal("", got.head.body)
    assert.equal(404, got.missing.status)
    assert.equal(3, land.sb:counters().flows.orders)
  end))

  it("plays the whole procedure: wrong secret, role and plan, CSRF, call, message log",
    async(function()
      local land <close> = landscape.open { hostname = "localhost", csrf = true }
      local endpoints = land.sb.endpoints
      local job = land.dir:write("job.json", assert(json.encode {
        cafile = land.cacert, runtime = endpoints.runtime, api = endpoints.api,
        own = land:key "secret".oauth, other = land:other_key { "Other.send" },
        monitor = land:other_key({ "MonitoringDataRead" }, "api"),
      }))
      local run = process.run { "/usr/bin/python3", "spec/support/http_procedure.py", job }
      assert.equal("", run.err)
      local got = assert(json.decode(run.out))
      local function status(step) return got[step].status end
      assert.same({ 401, 403, 401, 403, 200, 403, 200, 200, 200 }, {
        status "wrong secret", status "wrong role", status "wrong plan", status "no csrf",
        status "fetch", status "no cookies", status "call", status "log", status "logs" })
      assert.is_nil(got["wrong role"].headers["x-csrf-token"])
      assert.equal("required", got["no csrf"].headers["x-csrf-token"])
      assert.equal("an order", json.decode(got.call.body).body)
      local id = got.call.headers.sap_messageprocessinglogid
      assert.equal(id, json.decode(got.log.body).d.MessageGuid)
      assert.equal(id, json.decode(got.logs.body).d.results[1].MessageGuid)
    end))
end)
