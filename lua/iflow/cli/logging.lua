-- logging.lua -- what --log-level and --log-format mean.
local core = require "iflow.core"

local logging = {}

local levels = { error = true, warn = true, info = true, debug = true, trace = true }

-- "info,http=debug" -> "info", { http = "debug" }; nil, what is wrong.
local function parse(text)
  local level, modules = nil, {}
  for word in (text .. ","):gmatch "([^,]*)," do
    local module, value = word:match "^([%w_.-]+)=(.*)$"
    value = value or word
    if not levels[value] then
      return nil, "is no level: error, warn, info, debug or trace, and MODULE=LEVEL for a module, "
        .. "such as info,http=debug"
    elseif module and #module > 31 then
      return nil, "names a module of more than 31 letters"
    elseif module then
      modules[module] = value
    elseif level then
      return nil, "has two levels for all modules"
    else
      level = value
    end
  end
  return level or "warn", modules
end

--- For the option's row: the text when it is well, nil and what is wrong.
function logging.check(text)
  local level, wrong = parse(text)
  if not level then return nil, wrong end
  return text
end

-- Whether standard error goes to the journal of systemd, which takes priorities: JOURNAL_STREAM
-- names its socket, and a child may have the variable without the socket; systemd.exec(5).
local function is_journal()
  local device, inode = (os.getenv "JOURNAL_STREAM" or ""):match "^(%d+):(%d+)$"
  if not device then return false end
  local stat = core.file.stat("/proc/self/fd/2", { follow = true })
  return stat ~= nil and stat.device == math.tointeger(device)
    and stat.inode == math.tointeger(inode)
end

-- https://no-color.org: whatever the value, unless it is empty.
local function wants_color()
  return (os.getenv "NO_COLOR" or "") == "" and (os.getenv "TERM" or "dumb") ~= "dumb"
end

--- Puts the words in force. args: log_level, log_format ("text", "json", "auto": text for a person,
-- JSON objects for everything else). On a terminal text has colours.
function logging.start(args)
  local level, modules = parse(args.log_level)
  core.log.level(level)
  for module, value in pairs(modules) do core.log.level(value, module) end
  local format, terminal = args.log_format, core.file.is_terminal(2)
  if format == "auto" then format = terminal and "text" or "json" end
  if format == "text" and terminal and wants_color() then format = "color" end
  core.log.format(format, is_journal())
end

return logging
