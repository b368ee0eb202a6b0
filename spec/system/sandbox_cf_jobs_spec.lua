-- Jobs of the Cloud Foundry API: they take their time, in which their records say so; they end by
-- themselves, also behind a restart or a kill, and what is done at once does not collide.
local async = require "spec.support.async"
local cf_support = require "spec.support.cf"
local client = require "iflow.sandbox.client"
local core = require "iflow.core"
local process = require "spec.support.process"
local support = require "spec.support.sandbox"

local INSTANCES, KEYS = "/v3/service_instances", "/v3/service_credential_bindings"
local errors = cf_support.errors

local function operation_of(cf, path)
  local operation = cf:get(path).body.last_operation
  return { operation.type, operation.state }
end

local function detail(answer) return { answer.status, answer.body.errors[1].detail } end

local function guid_of(list) return list.body.resources[1].guid end

local INSTANCE_BUSY = "There is an operation in progress for the service instance."
local KEY_BUSY = "There is an operation in progress for the service binding."

-- A sandbox with a clock of its own, whose jobs take ten seconds of that. body(sb, cf, pass):
-- pass(seconds) moves the clock.
local function slow(body)
  return async(function()
    local clock = core.task.now()
    local sb <close> = support.start { now = function() return clock end,
                                       settings = { cf_job_time = 10 } }
    body(sb, cf_support.logon(sb), function(seconds) clock = clock + seconds end)
  end)
end

describe("a job", function()
  it("is PROCESSING, then POLLING, then COMPLETE", slow(function(_, cf, pass)
    local answer = cf:post(INSTANCES, cf:instance_body "orders")
    assert.equal(202, answer.status)
    local function state() return cf:get(answer.headers.location).body.state end
    local guid = guid_of(cf:get(INSTANCES))
    assert.same({ "PROCESSING", { "create", "in progress" } },
                { state(), operation_of(cf, INSTANCES .. "/" .. guid) })
    pass(6)
    assert.same({ "POLLING", { "create", "in progress" } },
                { state(), operation_of(cf, INSTANCES .. "/" .. guid) })
    pass(4)
    assert.same({ "COMPLETE", { "create", "succeeded" } },
                { state(), operation_of(cf, INSTANCES .. "/" .. guid) })
  end))

  it("keeps others off its instance and its key", slow(function(_, cf, pass)
    local function ended(answer)
      pass(10)
      return cf:get(answer.headers.location).body
    end
    local made = cf:post(INSTANCES, cf:instance_body "orders")
    local path = INSTANCES .. "/" .. guid_of(cf:get(INSTANCES))
    local guid = path:match "[^/]+$"
    assert.same({ 422, INSTANCE_BUSY }, detail(cf:post(KEYS, cf.key_body(guid, "k"))))
    assert.same({ 422, INSTANCE_BUSY }, detail(cf:delete(path)))
    local answer = cf:patch(path, { name = "x" })
    assert.same({ 409, errors(60016, "AsyncServiceInstanceOperationInProgress",
                              "An operation for service instance orders is in progress.") },
                { answer.status, answer.body })
    assert.equal("COMPLETE", ended(made).state)

    made = cf:post(KEYS, cf.key_body(guid, "k"))
    local key = KEYS .. "/" .. guid_of(cf:get(KEYS))
    assert.same({ 404, "Creation of service credential binding in progress" },
                detail(cf:get(key .. "/details")))
    assert.same({ 422, KEY_BUSY }, detail(cf:delete(key)))
    assert.equal("COMPLETE", ended(made).state)
    assert.equal(200, cf:get(key .. "/details").status)

    local gone = cf:delete(key)
    assert.same({ "delete", "in progress" }, operation_of(cf, key))
    assert.equal(200, cf:get(key .. "/details").status) -- to its end
    assert.same({ 422, KEY_BUSY }, detail(cf:delete(key)))
    assert.equal("service_bindings.delete", ended(gone).operation)
    assert.equal(404, cf:get(key).status)
    gone = cf:delete(path)
    assert.same({ "delete", "in progress" }, operation_of(cf, path))
    assert.equal("COMPLETE", ended(gone).state)
    assert.equal(404, cf:get(path).status)
  end))

  it("that failed says where and why", slow(function(_, cf, pass)
    local made = cf:post(INSTANCES, cf:instance_body "orders")
    pass(10)
    local links = cf:get(made.headers.location).body.links
    made = cf:post(KEYS, cf.key_body(links.service_instances.href:match "[^/]+$", "k",
                                     { ["key-type"] = "magic" }))
    pass(10)
    local job = cf:get(made.headers.location).body
    assert.same({ "FAILED", "service_bindings.create", {} },
                { job.state, job.operation, job.warnings })
    local key = KEYS .. "/" .. guid_of(cf:get(KEYS))
    assert.equal(cf.api .. key, job.links.service_credential_bindings.href)
    assert.same({ 404, "Creation of service credential binding failed" },
                detail(cf:get(key .. "/details")))
  end))

  it("is refused when there are too many, and leaves nothing behind", slow(function(sb, cf)
    assert(sb:create_instance { name = "orders" })
    local jobs, guid = sb.tenant.platform.jobs, sb:instances()[1].guid
    while jobs:has_room() do jobs:add("x", { type = "service_instances", guid = "none" }) end
    local busy = errors(10016, "ServiceBrokerRateLimitExceeded",
                        "Service broker concurrent request limit exceeded")
    for _, answer in ipairs { cf:post(KEYS, cf.key_body(guid, "k")),
                              cf:post(INSTANCES, cf:instance_body "more"),
                              cf:delete(INSTANCES .. "/" .. guid) } do
      assert.same({ 429, busy, "10" },
                  { answer.status, answer.body, answer.headers["retry-after"] })
    end
    assert.same({ 1, {}, "succeeded" }, { #sb:instances(), sb:instances()[1].keys,
                                          sb:instances()[1].state })
  end))

  it("ends when nobody asks", async(function()
    local sb <close> = support.start { settings = { cf_job_time = 0.05 } }
    local cf = cf_support.logon(sb)
    assert.equal(202, cf:post(INSTANCES, cf:instance_body "orders").status)
    process.wait_for("the instance", function()
      return sb:instances()[1].state == "succeeded"
    end)
    assert.equal(202, cf:delete(INSTANCES .. "/" .. sb:instances()[1].guid).status)
    process.wait_for("its end", function() return #sb:instances() == 0 end)
  end))

  it("is one after the other: of two that collide one wins", async(function()
    local sb <close> = support.start()
    local cf = cf_support.logon(sb)
    local _, guid = cf:create_instance "orders"
    local pem = support.foreign_identity(sb).leaf
    local states, statuses, tasks = { COMPLETE = 0, FAILED = 0 }, { [202] = 0, [422] = 0 }, {}
    for i = 1, 4 do
      tasks[i] = core.task.spawn(function()
        local job = cf:create_key(guid, "k" .. i, { ["key-type"] = "certificate_external",
                                                    ["X.509"] = pem })
        states[job.state] = states[job.state] + 1
        local answer = cf:post(KEYS, cf.key_body(guid, "same", { ["key-type"] = "certificate" }))
        statuses[answer.status] = statuses[answer.status] + 1
        if answer.status == 202 then cf:finish(answer) end
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ { COMPLETE = 1, FAILED = 3 }, { [202] = 1, [422] = 3 } }, { states, statuses })
  end))
end)

describe("faults on demand", function()
  it("happen to the Cloud Foundry API, too", async(function()
    local sb <close> = support.start()
    local cf = cf_support.logon(sb)
    local function with_fault(text, check)
      assert(sb:fault(text))
      check(cf:get(INSTANCES))
      assert(sb:clear_faults())
    end
    with_fault("cf:429=3s", function(answer)
      assert.same({ 429, errors(10013, "RateLimitExceeded", "Rate Limit Exceeded"), "3" },
                  { answer.status, answer.body, answer.headers["retry-after"] })
    end)
    with_fault("cf:401", function(answer)
      assert.same({ 401, errors(1000, "InvalidAuthToken", "Invalid Auth Token") },
                  { answer.status, answer.body })
    end)
    with_fault("cf:503", function(answer)
      assert.same({ 503, "no_endpoints" },
                  { answer.status, answer.headers["x-cf-routererror"] })
    end)
    assert.equal(200, cf:get(INSTANCES).status)
  end))
end)

describe("a restart", function()
  it("goes on with what was begun", async(function()
    local dir <close> = process.tempdir()
    local clock = core.task.now()
    local opts = { dir = dir:file "sb", now = function() return clock end,
                   settings = { cf_job_time = 10, cf_token_validity = 10000 } }
    local location, token
    do
      local sb <close> = support.start(opts)
      local cf = cf_support.logon(sb)
      assert(sb:create_instance { name = "orders" })
      location = cf:post(KEYS, cf.key_body(sb:instances()[1].guid, "k",
                                           { ["key-type"] = "certificate" })).headers.location
      token = cf.token
    end
    do
      local sb <close> = support.start(opts)
      local cf = cf_support.stranger(sb)
      cf.token = token -- which lives on, too
      assert.equal("PROCESSING", cf:get(location).body.state)
      clock = clock + 10
      assert.equal("COMPLETE", cf:get(location).body.state)
    end
    local sb <close> = support.start(opts)
    local cf = cf_support.logon(sb)
    assert.equal("COMPLETE", cf:get(location).body.state)
    local document = cf:details(guid_of(cf:get(KEYS)))
    assert(core.identity.open { cert_pem = document.oauth.certificate,
                                key_pem = document.oauth.key })
  end))

  it("gives up what no job will end", async(function()
    local dir <close> = process.tempdir()
    do
      local sb <close> = support.start { dir = dir:file "sb" }
      assert(sb:create_instance { name = "orders" })
      local broker = sb.tenant.broker -- as if it were killed while it makes a key
      assert(broker:new_key(broker:instances().orders, "k"))
      assert(sb.tenant.state:save())
    end
    local sb <close> = support.start { dir = dir:file "sb" }
    assert.equal("failed", sb:instances()[1].keys[1].state)
    assert(sb:create_key { instance = "orders", name = "k" })
  end))
end)

describe("a sandbox that is killed", function()
  it("ends its jobs when it is started again, and has its users and keys", async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "sb"
    local function start()
      local helper = process.start { process.iflow, "sandbox", "start", "--dir", path, "--set",
                                     "cf_job_time=0.5" }
      return helper, process.wait_for("the sandbox", function()
        local sb = client.open(path)
        return sb and sb:status() and sb
      end)
    end
    local first, sb = start()
    local cf = cf_support.logon(sb)
    assert(sb:create_instance { name = "orders" })
    assert(sb:create_key { instance = "orders", name = "old" })
    local instance, location = sb:instances()[1].guid, nil
    for i = 1, 3 do
      location = cf:post(KEYS, cf.key_body(instance, "k" .. i)).headers.location
    end
    os.execute("kill -9 " .. sb:status().pid)
    first:wait()

    local _ <close>, again = start()
    cf = cf_support.logon(again)
    process.wait_for("the last job", function()
      return cf:get(location).body.state == "COMPLETE"
    end)
    local keys = cf:get(KEYS .. "?order_by=name").body.resources
    assert.equal(4, #keys)
    for _, key in ipairs(keys) do
      assert.equal("succeeded", key.last_operation.state)
      local oauth = cf:details(key.guid).oauth
      assert.equal(200, support.ask_token(again, "token", {
        form = "grant_type=client_credentials",
        headers = { Authorization = support.basic(oauth.clientid, oauth.clientsecret) } }).status)
    end
  end))
end)
