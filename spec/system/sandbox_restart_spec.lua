-- What a restart and a kill leave: authority, instances, keys, tokens, flows, and the message log;
-- and two sandboxes side by side, neither of which takes the other's credentials.
local api_client = require "spec.support.api_client"
local async = require "spec.support.async"
local core = require "iflow.core"
local client = require "iflow.sandbox.client"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local FLOW = [[
local core = require "iflow.core"
return { name = "kept", address = "/kept", csrf = false, process = function(exchange)
  if exchange.body == "hang" then core.task.sleep(30) end
  return 200, {}, exchange.body
end }]]

local function post(endpoints, bearer, body, more)
  local fields = { url = endpoints.runtime .. "/http/kept", method = "POST", body = body,
                   cacert = endpoints.cacert, proxy = "", headers = { Authorization = bearer } }
  for name, value in pairs(more or {}) do fields[name] = value end
  return core.http.request(fields)
end

describe("a sandbox that is killed", function()
  it("has everything again when it is started again", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "sb"
    local flow = dir:write("kept.lua", FLOW)
    local helper <close> = process.start { process.iflow, "sandbox", "start", "--dir", path }
    local sb = process.wait_for("the sandbox", function() return client.open(path) end)
    assert(sb:create_instance { name = "orders" })
    local key = assert(sb:create_key { instance = "orders", name = "k", type = "secret" })
    local own = assert(sb:create_key { instance = "orders", name = "c", type = "certificate" })
    assert(sb:deploy(flow))
    local bearer = support.bearer(sb, key)
    assert.equal("x", assert(post(sb.endpoints, bearer, "x")).body)
    local pid = assert(sb:status()).pid
    local hanging = core.task.spawn(function() return post(sb.endpoints, bearer, "hang") end)
    process.wait_for("the run", function()
      local log = sb:log()
      return log and #log == 2
    end)
    local before = sb:log()
    os.execute("kill -9 " .. pid)
    helper:wait()
    hanging:join()

    local _ <close> = process.start { process.iflow, "sandbox", "start", "--dir", path }
    sb = process.wait_for("the sandbox", function()
      local opened = client.open(path)
      return opened and opened:status() and opened
    end)
    local after = sb:log()
    assert.same({ before[1].id, "COMPLETED", before[2].id, "ABANDONED" },
                { after[1].id, after[1].status, after[2].id, after[2].status })
    assert.equal("y", assert(post(sb.endpoints, bearer, "y")).body) -- the token lives on
    assert.equal("z", assert(post(sb.endpoints, support.bearer(sb, key), "z")).body)
    assert.equal("c", assert(post(sb.endpoints, nil, "c", {
      identity = support.identity(own) })).body)
    assert.equal(5, #sb:log())
  end))
end)

describe("the log", function()
  it("keeps as many entries as are set, over restarts and turned files", async(function()
    local dir <close> = process.tempdir()
    local path, last = dir:file "sb", nil
    for round = 1, 3 do
      local sb <close> = support.start { dir = path, settings = { log_size = 5 } }
      support.echo(sb, { csrf = false })
      local bearer = support.bearer(sb, support.key(sb, "secret"))
      if round > 1 then assert.equal(last, sb:log()[5].id) end
      for _ = 1, 90 do
        assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo", body = "x",
                                                headers = { Authorization = bearer } }))
      end
      assert.equal(5, #sb:log())
      last = sb:log()[5].id
    end
    assert.is_true(core.file.stat(path .. "/log.jsonl.old").size > 0)
  end))

  it("survives a line that a kill has torn", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "sb"
    support.start({ dir = path }):close()
    process.write(path .. "/log.jsonl", '{"id":"a","status":"COMPLETED"}\n{"id":"b","sta')
    for _, id in ipairs { "c", "d" } do
      local sb <close> = support.start { dir = path }
      assert.equal("a", sb:log()[1].id)
      sb.tenant.journal:note { id = id, status = "COMPLETED" } -- one line, behind the torn one
    end
    local sb <close> = support.start { dir = path }
    assert.equal(3, #sb:log())
  end))
end)

describe("what the API tells", function()
  it("is the same after a restart: logs with notes, and what can be deployed", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "sb"
    local before, monitor
    local flow = dir:write("noted.lua", [[return { name = "noted", address = "/noted", csrf = false,
      process = function(exchange)
        exchange:set_status("RETRY", "the receiver is away")
        exchange:add_custom_header("po_number", exchange.body)
        return 202, {}, ""
      end }]])
    local function logs(api)
      return api:get("/MessageProcessingLogs", { ["$expand"] = "CustomHeaderProperties,Runs" }).body
    end
    do
      local sb <close> = support.start { dir = path }
      assert(sb:deploy(flow))
      local bearer = support.bearer(sb, support.key(sb, "secret"))
      assert(support.request(sb, "runtime", { method = "POST", path = "/http/noted", body = "4711",
                                              headers = { Authorization = bearer } }))
      monitor = api_client.open(sb, { "MonitoringDataRead", "WorkspaceArtifactsDeploy" })
      before = logs(monitor)
      assert.matches("RETRY", before)
      assert.matches("4711", before)
      assert(sb:undeploy "noted")
    end
    local sb <close> = support.start { dir = path }
    monitor.sb = sb
    assert.same(core.json.decode(before), core.json.decode(logs(monitor)))
    local text = monitor:get(("/MessageProcessingLogs('%s')/ErrorInformation/$value"):format(
      sb:log()[1].id))
    assert.equal("the receiver is away", text.body)
    assert.equal("0", monitor:get("/ServiceEndpoints/$count").body)
    assert.equal(202, monitor:request("POST", api_client.target(
      "/DeployIntegrationDesigntimeArtifact", { Id = "'noted'", Version = "'active'" })).status)
    assert.equal("1", monitor:get("/ServiceEndpoints/$count").body)
  end))
end)

describe("two sandboxes", function()
  it("run side by side and do not know each other", async(function()
    local one <close> = support.start()
    local two <close> = support.start()
    local bearers, keys = {}, {}
    for i, sb in ipairs { one, two } do
      support.echo(sb, { csrf = false, process = function() return 200, {}, tostring(i) end })
      keys[i] = support.key(sb, "secret")
      bearers[i] = support.bearer(sb, keys[i])
    end
    for i, sb in ipairs { one, two } do
      local function status(bearer)
        return assert(support.request(sb, "runtime", { method = "POST", path = "/http/echo",
          body = "x", headers = { Authorization = bearer } }))
      end
      assert.same({ 200, tostring(i) }, { status(bearers[i]).status, status(bearers[i]).body })
      assert.equal(401, status(bearers[3 - i]).status)
      local stranger = keys[3 - i].oauth
      assert.equal(401, support.ask_token(sb, "token", { form = "grant_type=client_credentials",
        headers = { Authorization = support.basic(stranger.clientid,
                                                  stranger.clientsecret) } }).status)
      assert.equal(2, #sb:log())
    end
  end))
end)
