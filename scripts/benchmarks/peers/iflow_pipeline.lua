-- iflow_pipeline.lua -- iflow run iflow_pipeline.lua -- CSV-FILE OUTBOX: each record becomes JSON,
-- goes into the outbox, is delivered and acknowledged. Prints messages and seconds.
local iflow = require "iflow"
local now = require "fine_clock"

iflow.sender "orders" {
  to = "/http/orders", concurrency = 32,
  transform = { iflow.transform.csv {}, iflow.transform.to_json {} },
}

local service <close> = assert(iflow.service.new { outbox = arg[2] })
local file <close> = assert(io.open(arg[1], "rb"))
local began = now()
assert(service:start())
local result = assert(iflow.sender "orders":enqueue(function() return file:read(65536) end))
assert(service:drain "10m")
local counts = service.box:counts()
assert(counts.delivered == result.count)
print(result.count, now() - began)
