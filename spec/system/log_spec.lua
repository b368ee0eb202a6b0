-- The log of a service as JSON: every line of it is an object with what README says of its event.
local async = require "spec.support.async"
local core = require "iflow.core"
local json = require "iflow.json"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

-- The fields that an event has besides time, level, module and message.
local message = { "sender", "id" }
local attempted = { "sender", "id", "attempt", "seconds" }
local needed = { accepted = message, known = message, delivered = attempted, retry = attempted,
  rejected = message, in_doubt = attempted,
  listening = { "relay" }, refused = { "relay", "status" }, taken = { "files", "file" },
  begins = { "job", "attempt" }, ended = { "job", "attempt", "seconds" } }

local kinds = { attempt = "integer", seconds = "float", status = "integer", wait = "float" }

local function check(line)
  local entry = assert(json.decode(line), line)
  for _, name in ipairs { "time", "level", "module", "message" } do
    assert.equal("string", type(entry[name]), line)
  end
  local wanted = entry.module == "stdin" and { "stdin" } or needed[entry.event] or {}
  for _, name in ipairs(wanted) do assert.is_truthy(entry[name], line) end
  for name, kind in pairs(kinds) do
    local value = entry[name]
    if value ~= nil then
      assert.is_true(math.type(value) == kind or kind == "float" and math.type(value) ~= nil, line)
    end
  end
  if entry.trace_id then assert.matches("^%x+$", entry.trace_id) end
  return entry
end

local script = serve.SENDER:gsub("concurrency = 2,", "concurrency = 2, trace = true,") .. [[
iflow.sender "other" { to = "/http/other", transform = { function(msg)
  if msg.body:find "bad" then return iflow.reject "it is bad\n{\"event\":\"forged\"}" end
  return msg
end } }
iflow.every "tick" { interval = "1s", run = function()
  for i = 1, 4 do assert(iflow.sender "orders":enqueue("body " .. i, { ids = "p" .. i })) end
  iflow.sender "other":enqueue_all({ "good", "bad" }, { ids = "o" })
end }
]]

describe("the log of a service", function()
  it("is an object a line, each with the fields of its event, and without secrets", async(function()
    local place <close> = serve.place { runtime = function(req, n)
      if n == 1 then return req:answer(400, {}, "no") end
      return req:answer(200, { SAP_MessageProcessingLogID = "AGmEqpWvRKYbKLbQZLuSNb3HAEPh" }, "ok")
    end }
    local service <close> = place:serve(place:script("log.lua", script), "--log-format", "json",
      "--log-level", "debug")
    process.wait_for("the messages", function()
      local text = service:log()
      return select(2, text:gsub('"event":"delivered"', "")) >= 4
        and select(2, text:gsub('"event":"rejected"', "")) >= 2 and text:find '"event":"known"'
    end)
    service:stop()
    local seen, traces = {}, {}
    for line in service:log():gmatch "[^\n]+" do
      local entry = check(line)
      seen[entry.event or ""] = (seen[entry.event or ""] or 0) + 1
      if entry.sender == "orders" and entry.id and entry.event ~= "known" then
        assert.is_truthy(entry.trace_id, line)
        assert.equal(entry.trace_id, traces[entry.id] or entry.trace_id)
        traces[entry.id] = entry.trace_id
      end
      if entry.event == "delivered" then
        assert.equal("AGmEqpWvRKYbKLbQZLuSNb3HAEPh", entry.message_id)
      end
      assert.is_nil(line:find(place.fake:key().oauth.clientsecret, 1, true))
      assert.is_nil(line:find "Bearer [^*]")
    end
    assert.same({ 4, 2, nil }, { seen.delivered, seen.rejected, seen.forged })
    assert.is_true(seen.accepted >= 5 and seen.begins > 0 and seen.ended > 0)
  end))

  it("has the lines of retries, a relay, dropped files and standard input", async(function()
    local place <close> = serve.place { runtime = function(req, n)
      if n == 1 then return req:answer(502, {}, "not yet") end
      return req:answer(200, { SAP_MessageProcessingLogID = "AGmEqpWvRKYbKLbQZLuSNb3HAEPh" }, "ok")
    end }
    local port = process.free_port()
    os.execute("mkdir " .. place.dir:file "in")
    place:script("in/a.txt", "from a file")
    place:script("triggers.lua", ([[
local iflow = require "iflow"
iflow.sender "orders" { to = "/http/orders", idempotent = true,
  retry = iflow.retry { first = "100ms", max = "100ms", jitter = "none", attempts = 5 },
  transform = { function(msg)
    if msg.body == "bad" then return iflow.reject "it is bad" end
    return msg
  end } }
iflow.relay { listen = "127.0.0.1:%d", path = "/orders", sender = "orders" }
iflow.files { "in/*", done = "done", failed = "failed", settle = "0s", sender = "orders" }
iflow.stdin { sender = "orders" }
]]):format(port))
    local service <close> = process.start { process.iflow, "serve", "triggers.lua", "--log-level",
      "debug", "--log-format", "json", dir = place.dir.path, stdin = "good\nbad\n",
      env = { IFLOW_SERVICE_KEY = "key.json", IFLOW_TOKEN_CACHE = "off" } }
    process.wait_port(port, service)
    local function post(headers)
      return assert(core.http.request { url = ("http://127.0.0.1:%d/orders"):format(port),
        method = "POST", body = "posted", proxy = "", headers = headers }).status
    end
    assert.same({ 202, 403 }, { post(), post { Origin = "https://a.example" } }) -- a web page
    local function log() return service.dir:read "err" or "" end
    process.wait_for("all of it", function()
      return select(2, log():gsub('"event":"delivered"', "")) == 3 and log():find '"stdin"'
        and log():find '"event":"taken"' and log():find '"event":"rejected"'
    end)
    service:signal "TERM"
    service:wait()
    local seen = {}
    for line in log():gmatch "[^\n]+" do
      local entry = check(line)
      local key = entry.module .. " " .. (entry.event or "")
      seen[key] = entry
      if entry.event == "delivered" then
        assert.same({ "orders", 200, "AGmEqpWvRKYbKLbQZLuSNb3HAEPh" },
          { entry.sender, entry.status, entry.message_id })
      end
    end
    local again = seen["service retry"]
    assert.same({ "warn", "orders", 1, 502 },
      { again.level, again.sender, again.attempt, again.status })
    assert.is_true(again.wait > 0 and again.seconds >= 0 and again.id ~= nil)
    assert.equal("warn", seen["sender rejected"].level)
    assert.is_truthy(seen["relay listening"] and seen["relay refused"] and seen["files taken"])
  end))
end)
