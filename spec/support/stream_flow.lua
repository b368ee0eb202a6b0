-- stream_flow.lua -- a program for spec/system/transform_stream_spec.lua: sends so many MiB of
-- made-up input through a chain and prints "records bytes-out peak-KiB".
--   lua5.4 spec/support/stream_flow.lua csv|fixed_width MIB
local message = require "iflow.message"
local transform = require "iflow.transform"

local csv_row = '%d,ACME Corp,2026-11-22,"Widget, large",12,19.99,EUR,open,Berlin,"some ""note"""\n'

local kinds = {
  csv = {
    head = "id,name,date,item,qty,price,currency,status,city,note\n",
    row = function(i) return csv_row:format(i) end,
    steps = {
      transform.csv {},
      function(msg)
        msg.data.qty = math.tointeger(msg.data.qty)
        return msg
      end,
      transform.to_json {},
    },
  },
  fixed_width = {
    row = function(i) return ("%010dM\xfcller GmbH                  000120001999 \n"):format(i) end,
    before = { transform.gzip {} },
    steps = {
      transform.gunzip {}, transform.charset { from = "CP1252" },
      transform.fixed_width { columns = { { "id", 10 }, { "name", 30 },
        { "qty", 6, type = "integer" }, { "price", 6, type = "number", decimals = 2 } } },
      transform.to_csv { columns = { "id", "name", "qty", "price" }, header = false },
    },
  },
}

-- The input, made while it is read; about 64 KiB a piece.
local function made_up(kind, total)
  local made, at = 0, 0
  return function()
    if made >= total then return nil end
    local list = { at == 0 and kind.head or "" }
    for i = 1, 800 do list[i + 1] = kind.row(at + i) end
    at = at + 800
    local piece = table.concat(list)
    made = made + #piece
    return piece
  end
end

local function peak()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmHWM:%s+(%d+) kB"
    if kib then return kib end
  end
end

local kind, total = kinds[arg[1]], tonumber(arg[2]) * 1024 * 1024
local steps = table.move(kind.steps, 1, #kind.steps, #(kind.before or {}) + 1,
  table.move(kind.before or {}, 1, 1, 1, {}))
local records, bytes = 0, 0
local chain = transform.pipeline(steps, function(msg)
  records, bytes = records + 1, bytes + #msg.body
end, function(_, err) error(err) end)
chain:push(message.new { body = made_up(kind, total) })
chain:finish()
print(records, bytes, peak())
