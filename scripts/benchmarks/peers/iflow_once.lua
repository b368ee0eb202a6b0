-- iflow_once.lua -- the smallest useful script: one file, one message. iflow run it -- BODY-FILE
local iflow = require "iflow"

iflow.sender "orders" {
  to = "/http/orders",
  headers = { Accept = "application/json", ["Content-Type"] = "application/json" },
}

local file <close> = assert(io.open(arg[1], "rb"))
assert(iflow.sender "orders":send(file:read "a"))
