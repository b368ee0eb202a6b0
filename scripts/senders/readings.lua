-- readings.lua -- sends what another program writes, JSON lines of sensors, in batches to the
-- integration flow at /http/readings. Lines that are no readings are rejected alone.
--   sensord --json | iflow run scripts/senders/readings.lua --sender readings --input -
local iflow = require "iflow"
local transform = iflow.transform

iflow.sender "readings" {
  to        = "/http/readings",
  transform = {
    transform.json { lines = true },
    transform.validate { fields = {
      at     = { required = true, pattern = "^%d+%-%d+%-%d+T%d+:%d+:%d+Z$" },
      sensor = { required = true, type = "string" },
      value  = { required = true, type = "number", min = -1000, max = 1000 },
      unit   = { enum = { "°C", "bar", "mm/s" } },
    } },
    transform.batch { count = 20, field = "readings" },
    transform.to_json {},
  },
}

iflow.test("readings arrive in batches, other lines are left out", function(t)
  local flow = t:flow { address = "/readings" }
  local line = '{"at":"2026-06-08T06:00:%02dZ","sensor":"press-1","value":4.5,"unit":"bar"}\n'
  local lines = {}
  for i = 1, 25 do lines[i] = line:format(i) end
  table.insert(lines, 7, "reconnecting …\n")
  local _, err = iflow.sender "readings":send(table.concat(lines))
  t:equal("transform.invalid", err.code)
  t:matches(":7 ", err.message)
  local sizes = {}
  for i, got in ipairs(flow.received) do sizes[i] = #iflow.json.decode(got.body).readings end
  table.sort(sizes)
  t:equal({ 5, 20 }, sizes)
end)

iflow.test("all that is wrong with a reading is told at once", function(t)
  local flow = t:flow { address = "/readings" }
  local _, err = iflow.sender "readings":send '{"at":"today","value":5000}'
  t:equal(3, #err.problems)
  t:equal(0, #flow.received)
end)
