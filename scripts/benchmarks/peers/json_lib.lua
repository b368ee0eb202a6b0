-- json_lib.lua -- lua5.4 json_lib.lua LIBRARY decode|encode FILE SECONDS: MB of JSON a second of
-- CPU that the library (iflow, cjson, dkjson) reads into tables, or writes from them. FILE has a
-- document a line; the whole of it is done again and again.
local name, operation, path, seconds = arg[1], arg[2], arg[3], tonumber(arg[4])

local function library()
  if name == "iflow" then
    local json = require "iflow.json"
    return json.encode, json.decode
  elseif name == "dkjson" then
    local dkjson = require "dkjson"
    local fast = dkjson.use_lpeg and pcall(require, "lpeg") and dkjson.use_lpeg() or dkjson
    return fast.encode, fast.decode
  end
  local other = require(name)
  return other.encode, other.decode
end

local encode, decode = library()
local texts, tables, bytes = {}, {}, 0
for line in io.lines(path) do
  texts[#texts + 1], bytes = line, bytes + #line
  tables[#tables + 1] = assert(decode(line))
end

local fn, list = decode, texts
if operation == "encode" then fn, list = encode, tables end
local done, began = 0, os.clock()
repeat
  for _, value in ipairs(list) do assert(fn(value)) end
  done = done + bytes
until os.clock() - began > seconds
print(done / (os.clock() - began) / 1e6)
