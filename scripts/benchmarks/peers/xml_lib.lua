-- xml_lib.lua -- lua5.4 xml_lib.lua iflow|lxp FILE SECONDS: MB of XML a second of CPU that the
-- library reads into tables.
local path, seconds = arg[2], tonumber(arg[3])
local file <close> = assert(io.open(path, "rb"))
local text = file:read "a"

local decode
if arg[1] == "iflow" then
  decode = require("iflow.core").xml.decode
else
  decode = require("lxp.lom").parse
end

local done, began = 0, os.clock()
repeat
  assert(decode(text))
  done = done + #text
until os.clock() - began > seconds
print(done / (os.clock() - began) / 1e6)
