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
end)
