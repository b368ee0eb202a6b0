-- installed.lua -- the build under test as it is installed, and the unit file of its service.
local process = require "spec.support.process"

local installed = {}

local function succeeds(command)
  local result = process.run(command)
  assert(result.code == 0, table.concat(command, " ") .. "\n" .. result.out .. result.err)
  return result.out
end
installed.succeeds = succeeds

--- cmake --install of the build into a directory.
function installed.install(prefix)
  succeeds { "cmake", "--install", assert(os.getenv "IFLOW_BUILD"), "--prefix", prefix }
end

--- The Debian package of the build, made in a directory: its path.
function installed.package(directory)
  succeeds { "cpack", "-G", "DEB", "--config", os.getenv "IFLOW_BUILD" .. "/CPackConfig.cmake",
    "-B", directory }
  return succeeds({ "sh", "-c", "ls " .. process.quote(directory) .. "/*.deb" }):match "%S+"
end

--- What a unit says: { ExecStart = { "…" }, Environment = { "…", "…" } }, specifiers filled in for
-- an instance. paths: what stands for /etc, /usr/bin …, longest first.
function installed.unit(path, instance, paths)
  local unit = {}
  for name, value in assert(process.read(path)):gmatch "\n(%a+)=([^\n]*)" do
    value = value:gsub("%%i", instance):gsub("%%C", "/var/cache")
    for _, pair in ipairs(paths) do value = value:gsub(pair[1], pair[2]) end
    unit[name] = unit[name] or {}
    table.insert(unit[name], value)
  end
  return unit
end

return installed
