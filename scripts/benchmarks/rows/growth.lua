-- growth.lua -- whether a message costs the same however many there are: messages, calls at once,
-- senders, schedules; and what a million messages leave in memory.
local function measure(bench, kind, ...)
  local to = bench:endpoint()
  local run = bench:run { bench:iflow(), "run", "--service-key", to.key, "--cacert", to.cacert,
    "--token-cache", "off", bench.file "peers/iflow_growth.lua", "--", to.body, kind, ... }
  local points = {}
  for amount, seconds, count, resident in run.out:gmatch "(%d+)%s+(%S+)%s+(%d+)[ \t]*(%d*)" do
    points[#points + 1] = { amount = tonumber(amount), each = seconds / count * 1e6,
      resident = tonumber(resident) }
  end
  return points
end

-- The last of them is compared with the one before the noise ends: `base`, an index.
local function add_points(bench, id, unit, points, base)
  for i, point in ipairs(points) do
    bench:add { id = ("%s.%d"):format(id, point.amount), value = point.each, unit = unit,
      ratio_to = i > base and tostring(points[base].amount) or nil,
      theirs = i > base and points[base].each or nil }
  end
end

local function messages(bench)
  local most = bench:size(1000000, 20000, 400)
  local amounts = { 10, most // 100, most // 10, most // 4, most // 2, most * 3 // 4, most }
  local points = measure(bench, "messages", table.unpack(amounts))
  add_points(bench, "growth.messages", "us/message", points, 3)
  local last = points[#points]
  bench:add { id = "memory.growth_1m_mb", value = (last.resident - points[3].resident) / 1024,
    unit = ("MiB, from %d to %d messages"):format(points[3].amount, last.amount), at_most = 1 }
end

local function row(id, unit, kind, sizes, base)
  return { id = id, run = function(bench)
    add_points(bench, id, unit, measure(bench, kind, table.unpack(sizes(bench))), base)
  end }
end

return {
  { id = "growth.messages", run = messages },
  row("growth.concurrent", "us/message", "concurrent", function(bench)
    return { bench:size(10000, 3000, 64), 1, 10, 100, 1000, bench:size(10000, 3000, 1000) }
  end, 2),
  row("growth.senders", "us/message", "senders", function(bench)
    return { bench:size(4000, 1000, 8), 1, 10, 100, bench:size(1000, 300, 100) }
  end, 2),
  row("growth.schedules", "us/schedule", "schedules", function(bench)
    return { 10, 100, 1000, bench:size(10000, 10000, 1000) }
  end, 2),
}
