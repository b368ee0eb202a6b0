-- transfer.lua -- a process of its own that moves one file up and one down, and tells how much
-- memory it ever had: lua5.4 transfer.lua '{ "up": url, "file": path, "down": url, "save": path }'
local core = require "iflow.core"
local json = require "iflow.json"

local job = assert(json.decode(arg[1]))

local function request(options)
  options.cacert, options.proxy, options.timeout = job.cacert, job.proxy, 300
  return assert(core.http.request(options)).status
end

local told = {}
core.task.run(function()
  if job.up then
    told.up = request { url = job.up, method = "PUT", body = { file = job.file } }
  end
  told.down = request { url = job.down, save = job.save }
end)
for line in io.lines "/proc/self/status" do
  told.peak_kib = told.peak_kib or tonumber(line:match "^VmHWM:%s+(%d+) kB")
end
print(json.encode(told))
