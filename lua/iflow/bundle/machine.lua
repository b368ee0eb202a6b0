--- What a bundle says of the machine: versions, platform, environment. Internal; for
-- lua/iflow/bundle.lua.

local core = require "iflow.core"

local machine = {}

local VALUE_MAX = 256 -- bytes of a variable's value that are shown

local function first_line(path)
  local file <close> = io.open(path)
  return file and file:read "l" or nil
end

-- PRETTY_NAME of os-release(5).
local function distribution()
  for _, path in ipairs { "/etc/os-release", "/usr/lib/os-release" } do
    local file <close> = io.open(path)
    local name = file and ("\n" .. file:read "a"):match '\nPRETTY_NAME="?([^"\n]*)'
    if name then return name end
  end
end

local function memory_total()
  return tonumber((first_line "/proc/meminfo" or ""):match "(%d+)")
end

local function processors()
  local file <close> = io.open "/proc/cpuinfo"
  return file and select(2, file:read "a":gsub("\nprocessor%s*:", "")) + 1 or nil
end

--- Versions and platform, as a table.
function machine.platform()
  local build = core.build.info()
  build.libraries = core.json.object(build.libraries)
  return { iflow = build, system = { distribution = distribution(),
      kernel = first_line "/proc/sys/kernel/osrelease", memory_kib = memory_total(),
      processors = processors(), locale = os.setlocale(), zone = os.date "%z" },
    now = os.date "!%Y-%m-%dT%H:%M:%SZ" }
end

-- Environment -----------------------------------------------------------------------------------

local others = { http_proxy = true, https_proxy = true, no_proxy = true, all_proxy = true,
  ssl_cert_dir = true, ssl_cert_file = true, openssl_conf = true, tz = true, lang = true,
  lc_all = true, xdg_cache_home = true, state_directory = true, credentials_directory = true,
  notify_socket = true, lua_path = true, lua_cpath = true }

-- Of ours those are shown that an option of the command explains; and no text that is more than a
-- path or a word: somebody may have put a key itself there.
local function is_shown(name, value, known)
  if #value > VALUE_MAX or value:find "[%c{]" or value:find("-----", 1, true) then return false end
  return known[name] or others[name:lower()] or false
end

--- The variables that matter here, a line each. known: a set of names whose values may be shown.
function machine.environment(known)
  local lines = {}
  for name, value in pairs(core.process.environment()) do
    if name:find "^IFLOW_" or others[name:lower()] then
      lines[#lines + 1] = ("%s=%s"):format(name, is_shown(name, value, known) and value
        or ("(set, %d bytes, not shown)"):format(#value))
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n") .. "\n"
end

return machine
