-- iflow_send.lua -- the product's client: iflow run iflow_send.lua -- COUNT WIDTH string|json BODY
-- sends COUNT messages, WIDTH at once, through a sender with retry, message ids and statistics.
local iflow = require "iflow"

local count, width, mode = tonumber(arg[1]), tonumber(arg[2]), arg[3]
local file <close> = assert(io.open(arg[4], "rb"))
local body = file:read "a"

-- A fresh table of 60 fields each time, as a record from somewhere would be.
local function record(n)
  return {
    order = n, customer = "C-10017", currency = "EUR", plant = "1000",
    total = 1234.5, urgent = true,
    f01 = n, f02 = "steel", f03 = 3, f04 = "pipe", f05 = 5.5, f06 = "M", f07 = 7, f08 = "red",
    f09 = 9, f10 = "x-10", f11 = 11, f12 = "x-12", f13 = 13, f14 = "x-14", f15 = 15, f16 = "x-16",
    f17 = 17, f18 = "x-18", f19 = 19, f20 = "x-20", f21 = 21, f22 = "x-22", f23 = 23, f24 = "x-24",
    f25 = 25, f26 = "x-26", f27 = 27, f28 = "x-28", f29 = 29, f30 = "x-30", f31 = 31, f32 = "x-32",
    f33 = 33, f34 = "x-34", f35 = 35, f36 = "x-36", f37 = 37, f38 = "x-38", f39 = 39, f40 = "x-40",
    f41 = 41, f42 = "x-42", f43 = 43, f44 = "x-44", f45 = 45, f46 = "x-46", f47 = 47, f48 = "x-48",
    f49 = 49, f50 = "x-50", f51 = 51, f52 = "x-52", f53 = 53, f54 = "Walldorf, Baden, Germany",
  }
end

iflow.sender "orders" {
  to = "/http/orders", concurrency = width, retry = iflow.retry { first = "1s", attempts = 3 },
  headers = { Accept = "application/json", ["Content-Type"] = "application/json" },
  transform = mode == "json" and { iflow.transform.to_json {} } or nil,
}

local sent = 0
local summary = assert(iflow.sender "orders":send_all(function()
  if sent >= count then return nil end
  sent = sent + 1
  return mode == "json" and record(sent) or body
end))
assert(summary.delivered == count, tostring(summary))
