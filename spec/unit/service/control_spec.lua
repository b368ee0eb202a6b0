-- The control endpoint of a service and its client, over a real outbox.
local async = require "spec.support.async"
local core = require "iflow.core"
local process = require "spec.support.process"

local client = require "iflow.service.client"
local control = require "iflow.service.control"
local outbox = require "iflow.outbox"

-- As much of an iflow.service as the endpoint knows.
local function service_of(box)
  local service = { box = box, registry = { names = { "orders" } }, woken = {}, why = {} }
  function service:wake(name) self.woken[#self.woken + 1] = name end
  function service:status()
    return { ready = #self.why == 0, why = self.why, senders = { orders = { in_flight = 0 } },
      triggers = {}, outbox = self.box:counts() }
  end
  return service
end

-- Runs fn(box, endpoint, path, service) with an outbox and its endpoint.
local function with_endpoint(fn)
  return async(function()
    local dir <close> = process.tempdir()
    local path = dir:file "orders.db"
    local box <close> = assert(outbox.open { path = path })
    local service = service_of(box)
    local endpoint = assert(control { service = service, outbox = path })
    local _ <close> = setmetatable({}, { __close = function() endpoint:close() end })
    fn(box, endpoint, path, service)
  end)
end

local function known(path) return assert(core.json.decode(process.read(path .. "-control"))) end

local function request(endpoint, target, options)
  local given = { url = "http://" .. endpoint:address() .. target, proxy = "" }
  for name, value in pairs(options or {}) do given[name] = value end
  local answer = assert(core.http.request(given))
  answer.value = core.json.decode(answer.body)
  return answer
end

local function ask(endpoint, token, method, ...)
  return request(endpoint, "/outbox", { method = "POST", headers = { Authorization = token },
    body = assert(core.json.encode { method = method, args = core.json.array { ... } }) })
end

-- Rejects the message of that id, so that it is listed.
local function dead_letter(box, id, body)
  assert.equal("accepted", box:enqueue { sender = "orders", id = id, body = body,
    headers = { Plant = "1000" }, source = { file = "a.csv", record = 3 } })
  local msg = assert(box:claim "orders")[1]
  box:rejected(msg, { status = 400, error = "no such plant", code = "call.rejected" })
  return msg.number
end

describe("the control endpoint", function()
  it("says that the process lives and the service is ready", with_endpoint(function(_, endpoint)
    local live = request(endpoint, "/live")
    assert.equal(200, live.status)
    assert.equal(core.process.pid(), live.value.pid)
    local ready = request(endpoint, "/ready")
    assert.equal(200, ready.status)
    assert.is_true(ready.value.ready)
    assert.equal(0, ready.value.outbox.messages)
    assert.equal(200, request(endpoint, "/ready", { method = "HEAD" }).status)
  end))

  it("says why it is not ready", with_endpoint(function(_, endpoint, _, service)
    service.why = { "the sender 'orders' is paused" }
    local ready = request(endpoint, "/ready")
    assert.equal(503, ready.status)
    assert.same({ "the sender 'orders' is paused" }, ready.value.why)
  end))

  it("shows what is no UTF-8 all the same", with_endpoint(function(_, endpoint, _, service)
    service.why = { "caf\xe9.csv cannot be read" }
    local ready = request(endpoint, "/ready")
    assert.equal(503, ready.status)
    assert.same({ "caf?.csv cannot be read" }, ready.value.why)
  end))

  it("is not ready, and asks the outbox nothing, once the service stops", with_endpoint(
    function(_, endpoint, path)
      local token = "Bearer " .. known(path).token
      endpoint:stopping()
      assert.equal(503, request(endpoint, "/ready").status)
      assert.equal(200, request(endpoint, "/live").status)
      local answer = ask(endpoint, token, "counts")
      assert.equal(503, answer.status)
      assert.equal("outbox.locked", answer.value.error.code)
      assert.is_nil(process.read(path .. "-control"))
    end))

  it("keeps its address and token where only the owner can read them", with_endpoint(
    function(_, endpoint, path)
      assert.equal("600", process.run({ "stat", "-c", "%a", path .. "-control" }).out:match "%d+")
      assert.equal(endpoint:address(), known(path).address)
      assert.equal(core.process.pid(), known(path).pid)
    end))

  it("removes what a killed one left of that file", with_endpoint(
    function(_, endpoint, path, service)
      endpoint:close()
      process.write(path .. "-control.a1B2c3", "half of it")
      process.write(path .. "-control.notes", "somebody's")
      local other = assert(control { service = service, outbox = path })
      assert.is_nil(process.read(path .. "-control.a1B2c3"))
      assert.equal("somebody's", process.read(path .. "-control.notes"))
      assert.is_string(process.read(path .. "-control"))
      other:close()
    end))

  it("wants the token for the outbox", with_endpoint(function(_, endpoint, path)
    local token = known(path).token
    for _, wrong in ipairs { "", "Bearer ", "Bearer x", "Basic " .. token, token,
      "Bearer " .. token .. "x", "Bearer " .. token:sub(1, -2) } do
      local answer = ask(endpoint, wrong, "counts")
      assert.equal(401, answer.status)
      assert.is_nil(answer.value.result)
    end
    assert.equal(200, ask(endpoint, "Bearer " .. token, "counts").status)
  end))

  it("refuses web pages and foreign hosts", with_endpoint(function(_, endpoint)
    local function status(field)
      return tonumber(process.run({ "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H",
        field, ("http://%s/ready"):format(endpoint:address()) }).out)
    end
    assert.equal(403, status "Origin: https://evil.example")
    assert.equal(403, status "Origin: null")
    for _, host in ipairs { "evil.example", "evil.example:80", "127.0.0.1.evil.example",
      "localhost.evil.example", "10.0.0.1" } do
      assert.equal(403, status("Host: " .. host), host)
    end
    for _, host in ipairs { "localhost", "LOCALHOST:9000", "127.0.0.1", "[::1]:9000" } do
      assert.equal(200, status("Host: " .. host), host)
    end
  end))

  it("refuses what it does not know", with_endpoint(function(_, endpoint, path)
    local token = "Bearer " .. known(path).token
    assert.equal(404, request(endpoint, "/outbox/1").status)
    assert.equal(405, request(endpoint, "/outbox").status)
    assert.equal(405, request(endpoint, "/ready", { method = "POST", body = "" }).status)
    for _, body in ipairs { "", "[", "[]", "7", '{"method":"claim"}', '{"method":"close"}',
      '{"method":"__index"}', '{"method":7}' } do
      local answer = request(endpoint, "/outbox", { method = "POST", body = body,
        headers = { Authorization = token } })
      assert.equal(400, answer.status, body)
    end
    local answer = ask(endpoint, token, "show", "seven")
    assert.equal(400, answer.status)
    assert.is_string(answer.value.raised)
  end))

  it("refuses a request that is too large", with_endpoint(function(_, endpoint, path)
    local answer = request(endpoint, "/outbox", { method = "POST", body = (" "):rep(5 << 20),
      headers = { Authorization = "Bearer " .. known(path).token } })
    assert.equal(413, answer.status)
  end))

  it("listens on loopback only", function()
    assert.same({ "127.0.0.1", 9000 }, { control.parse "127.0.0.1:9000" })
    assert.same({ "127.0.0.1", 9000 }, { control.parse "9000" })
    assert.same({ "::1", 0 }, { control.parse "[::1]:0" })
    assert.same({ "127.0.0.1", 80 }, { control.parse "localhost:80" })
    for _, wrong in ipairs { "0.0.0.0:9000", "10.1.2.3:9000", "[::]:9000", "example.org:80",
      "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "", ":9000" } do
      assert.is_nil((control.parse(wrong)), wrong)
    end
  end)

  it("tells why it cannot listen", with_endpoint(function(_, endpoint, path, service)
    local port = math.tointeger(tonumber(endpoint:address():match "%d+$"))
    local other, err = control { service = service, outbox = path .. "2", port = port }
    assert.is_nil(other)
    assert.is_string(err.code)
    assert.is_nil(process.read(path .. "2-control"))
  end))
end)

describe("the client of a service", function()
  it("answers as the outbox does", with_endpoint(function(box, _, path)
    local number = dead_letter(box, "a-1", "first\0\xff")
    dead_letter(box, "caf\xe9", "second")
    local asked <close> = assert(client.open(path))
    assert.same(box:counts(), asked:counts())
    assert.same(box:stats(), asked:stats())
    assert.same(box:list { state = "rejected" }, asked:list { state = "rejected" })
    assert.same(box:list { bodies = true, limit = 1 }, asked:list { bodies = true, limit = 1 })
    assert.same(box:list(), asked:list())
    assert.same(box:show(number), asked:show(number))
    assert.is_nil(asked:show(4711))
  end))

  it("gets many large bodies in several answers", with_endpoint(function(box, _, path)
    for i = 1, 24 do dead_letter(box, "m-" .. i, (string.char(64 + i)):rep(1 << 20)) end
    local asked <close> = assert(client.open(path))
    local list = assert(asked:list { bodies = true })
    assert.equal(24, #list)
    for i, msg in ipairs(list) do assert.equal((string.char(64 + i)):rep(1 << 20), msg.body) end
    assert.equal(23, #asked:list { bodies = true, limit = 23 })
  end))

  it("gets many messages in several answers", with_endpoint(function(box, _, path)
    for i = 1, 230 do
      assert(box:enqueue { sender = "orders", id = "m-" .. i, body = "x", headers = {} })
    end
    local asked <close> = assert(client.open(path))
    assert.equal(230, #asked:list { limit = 1000 })
    assert.equal(100, #asked:list())
    local list = asked:list { limit = 150, after = 20 }
    assert.same({ 150, 21, 170 }, { #list, list[1].number, list[150].number })
  end))

  it("names the file of a larger body", with_endpoint(function(box, _, path)
    local number = dead_letter(box, "large", ("x"):rep((1 << 20) + 1))
    local asked <close> = assert(client.open(path))
    assert.equal((1 << 20) + 1, #process.read(asked:show(number).body.file))
    assert.equal("/", asked:show(number).body.file:sub(1, 1))
  end))

  it("requeues, with a new body, and wakes the senders", with_endpoint(
    function(box, _, path, service)
      local first, second, third = dead_letter(box, "1", "a"), dead_letter(box, "2", "b"),
        dead_letter(box, "3", "c")
      local asked <close> = assert(client.open(path))
      assert.equal(1, asked:requeue(first, { body = "new\xff", headers = { Plant = "2000" } }))
      assert.equal("orders", service.woken[1])
      assert.same({ "new\xff", "2000" }, { box:show(first).body, box:show(first).headers.Plant })
      assert.equal(1, asked:requeue(box:show(second), { error = { code = "x.y", message = "z" } }))
      assert.equal("x.y", box:show(second).code)
      assert.equal(1, asked:requeue(third, { body = ("y"):rep(2 << 20) }))
      assert.equal(2 << 20, box:show(third).size)
    end))

  it("drops", with_endpoint(function(box, _, path)
    local first, second = dead_letter(box, "1", "a"), dead_letter(box, "2", "b")
    local asked <close> = assert(client.open(path))
    assert.equal(2, asked:drop { first, box:show(second), 4711 })
    assert.is_nil(box:show(first))
  end))

  it("raises what the outbox raises", with_endpoint(function(_, _, path)
    local asked <close> = assert(client.open(path))
    assert.has_error(function() asked:list { state = "lost" } end)
  end))

  it("gives the outbox's errors as they are", with_endpoint(function(box, _, path, service)
    service.box = setmetatable({ stats = function()
      return nil, require "iflow.error" { code = "outbox.disk_full", message = "full\xff",
        hint = "free space" }
    end }, { __index = function(_, name)
      return function(_, ...) return box[name](box, ...) end
    end })
    local asked <close> = assert(client.open(path))
    local stats, err = asked:stats()
    assert.is_nil(stats)
    assert.same({ "outbox.disk_full", "full\xff", "free space", true },
      { err.code, err.message, err.hint, err.retryable })
  end))

  it("finds nobody where no service runs, or its file was left behind", async(function()
    local dir <close> = process.tempdir()
    assert.is_nil((client.open(dir:file "none.db")))
    dir:write("x.db-control", "{")
    assert.is_nil((client.open(dir:file "x.db")))
    dir:write("x.db-control", '{"address":"evil.example:80","token":"t","pid":1}')
    assert.is_nil((client.open(dir:file "x.db")))
    dir:write("x.db-control", ('{"address":"127.0.0.1:%d","token":"t","pid":1}'):format(
      process.free_port()))
    local box, err = client.open(dir:file "x.db")
    assert.is_nil(box)
    assert.is_true(err.retryable)
  end))
end)
