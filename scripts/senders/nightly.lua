-- nightly.lua -- stock movements out of a legacy system, as it runs day and night: during the day
-- its CSV exports, inbox/movements-20261121-3.csv and so on, are sent as they are dropped; at night
-- the totals of the day go after them, so that the other side can tell whether all has arrived.
--   iflow serve scripts/senders/nightly.lua
-- The folders inbox, archive and failed lie in the current directory, or in --set folder=PATH.
-- Where no service may run, a crontab line does the nightly part:
--   iflow run scripts/senders/nightly.lua --job nightly
local iflow = require "iflow"
local folder = iflow.args.folder or "."
local DAY, TRIES = 24 * 3600, 8

iflow.sender "movements" {
  to        = "/http/movements",
  transform = {
    iflow.transform.csv {},
    iflow.transform.map { convert = { quantity = "number" } },
    function(msg)
      msg.id = "movement-" .. msg.data.movement
      return msg
    end,
    iflow.transform.to_json {},
  },
  order_by  = function(msg) return msg.data.material end,
}

iflow.files {
  folder .. "/inbox/movements-*.csv", done = folder .. "/archive", failed = folder .. "/failed",
  sender = "movements",
}

iflow.sender "totals" { to = "/http/movements/totals", transform = { iflow.transform.to_json {} } }

-- The exports of a day in one of the folders, oldest name first.
local function exports(name, day)
  local quoted = "'" .. (folder .. "/" .. name):gsub("'", "'\\''") .. "'"
  local list = assert(io.popen(
    ("find %s -maxdepth 1 -name 'movements-%s-*.csv' 2>/dev/null | sort"):format(quoted, day)))
  local paths = {}
  for path in list:lines() do paths[#paths + 1] = path end
  list:close()
  return paths
end

-- One record a line, below a line of names.
local function count_records(path)
  local count = -1
  for line in io.lines(path) do
    if line ~= "" then count = count + 1 end
  end
  return math.max(0, count)
end

local function totals_of(day, paths)
  local files, records = {}, 0
  for i, path in ipairs(paths) do
    files[i] = { name = path:match "[^/]*$", records = count_records(path) }
    records = records + files[i].records
  end
  return { day = day, records = records, files = files }
end

-- The night after each working day. Each missed night is made up for, because each has totals of
-- its own; the id says which, so that the flow knows totals that come twice.
iflow.cron "nightly" {
  at = "30 2 * * tue-sat", missed = "all",
  run = function(job)
    local day = os.date("%Y%m%d", job.planned - DAY)
    if #exports("inbox", day) > 0 and job.attempt < TRIES then return iflow.retry_after "15m" end
    local paths = exports("archive", day)
    if #paths == 0 then return iflow.reject("there is no export of " .. day) end
    return iflow.sender "totals":enqueue(iflow.message.new {
      id = "totals-" .. day, data = totals_of(day, paths) })
  end,
}

local SAMPLE = "movement,material,plant,quantity,unit\n"
  .. "1,SCR-M8,1010,400,PCE\n2,SCR-M8,1010,-25,PCE\n"

iflow.test("the movements of an export arrive one by one, each known by its number", function(t)
  local flow = t:flow { address = "/movements", allowed_headers = "SAP_ApplicationID" }
  t:equal(2, assert(iflow.sender "movements":enqueue(SAMPLE)).count)
  t:equal(2, assert(iflow.sender "movements":enqueue(SAMPLE)).known)
  t:equal(2, t:drained().delivered)
  t:equal({ movement = "2", material = "SCR-M8", plant = "1010", quantity = -25, unit = "PCE" },
    iflow.json.decode(flow.received[2].body))
  t:equal("movement-1", flow.received[1].headers["sap_applicationid"])
end)

iflow.test("the night after, the totals of a day arrive once", function(t)
  local flow = t:flow { address = "/movements/totals" }
  local morning = os.time { year = 2026, month = 3, day = 31, hour = 2, min = 30 }
  folder = t:file("movements-20260330-1.csv", SAMPLE):match "^(.*)/"
  os.execute("mkdir '" .. folder .. "/archive'")
  t:matches("no export of 20260330", iflow.cron "nightly":run(morning))
  t:file("archive/movements-20260330-1.csv", SAMPLE)
  t:file("archive/movements-20260330-2.csv", SAMPLE)
  t:file("archive/movements-20260329-1.csv", SAMPLE)
  for _ = 1, 2 do assert(iflow.cron "nightly":run(morning)) end
  t:equal(1, t:drained().delivered)
  t:equal({ day = "20260330", records = 4, files = {
    { name = "movements-20260330-1.csv", records = 2 },
    { name = "movements-20260330-2.csv", records = 2 },
  } }, iflow.json.decode(flow.received[1].body))
end)

iflow.test("totals wait for exports that are still under way, but not forever", function(t)
  folder = t:file("a", ""):match "^(.*)/"
  os.execute("mkdir '" .. folder .. "/inbox'")
  t:file("inbox/movements-20260330-1.csv", SAMPLE)
  local morning = os.time { year = 2026, month = 3, day = 31, hour = 2, min = 30 }
  t:matches("retry_after", iflow.cron "nightly":run(morning))
  t:matches("no export", iflow.cron "nightly":run(morning, false, TRIES))
end)
