-- The log of a service as JSON: every line of it is an object with what README says of its event.
local async = require "spec.support.async"
local json = require "iflow.json"
local process = require "spec.support.process"
local serve = require "spec.support.serve"

-- The fields that an event has besides time, level, module and message.
local message = { "sender", "id" }
local attempted = { "sender", "id", "attempt", "seconds" }
local needed = { accepted = message, known = message, delivered = attempted, retry = attempted,
  rejected = message, in_doubt = attempted,
  listening = { "relay" }, refused = { "relay", "status" },
  begins = { "job", "attempt" }, ended = { "job", "attempt", "seconds" } }

local kinds = { attempt = "integer", seconds = "float", status = "integer", wait = "float" }

local function check(line)
  local entry = assert(json.decode(line), line)
  for _, name in ipairs { "time", "level", "module", "message" } do
    assert.equal("string", type(entry[name]), line)
  end
  for _, name in ipairs(needed[entry.event] or {}) do assert.is_truthy(entry[name], line) end
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
end)
