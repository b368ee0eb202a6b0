-- csv_lib.lua -- lua5.4 csv_lib.lua names|lists FILE SECONDS: MB of CSV a second of CPU that iflow
-- reads into records, in pieces of 64 KiB.
local core = require "iflow.core"

local header, path, seconds = arg[1] == "names", arg[2], tonumber(arg[3])

local function read()
  local reader, records, bytes = core.csv.reader { header = header }, 0, 0
  local file <close> = assert(io.open(path, "rb"))
  local function take()
    for record in reader.next, reader do
      assert(record)
      records = records + 1
    end
  end
  for piece in function() return file:read(65536) end do
    bytes = bytes + #piece
    reader:feed(piece)
    take()
  end
  reader:finish()
  take()
  assert(records > 1)
  return bytes
end

local done, began = 0, os.clock()
repeat done = done + read() until os.clock() - began > seconds
print(done / (os.clock() - began) / 1e6)
