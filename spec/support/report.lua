-- report.lua -- busted's output handler for scripts/test: one line a spec file with its time and
-- what its processes computed of that (the rest was waiting), each failure in full before the line
-- of its file (written at once: several runs may share a terminal), and the counts in the file that
-- IFLOW_SPEC_REPORT names:
--   passed N / failed N / complete
-- "complete" is missing when the process died on the way. A test left pending counts as failed.
local function write_counts(handler, complete)
  local path = os.getenv "IFLOW_SPEC_REPORT"
  if not path then return end
  local file = assert(io.open(path, "w"))
  file:write("passed ", handler.successesCount, "\n", "failed ",
    handler.failuresCount + handler.errorsCount + handler.pendingsCount, "\n")
  if complete then file:write "complete\n" end
  file:close()
end

local function text(message)
  if type(message) == "string" then return message end
  if message == nil then return "no message" end
  return require("pl.pretty").write(message)
end

local function show(kind, item)
  local trace = item.element.trace or item.trace or {}
  print(("%s  %s"):format(kind, item.name))
  print(("    %s:%s"):format(trace.short_src or "?", trace.currentline or 0))
  print("    " .. text(item.message):gsub("\n", "\n    "))
  if item.trace and item.trace.traceback then
    print("    " .. item.trace.traceback:gsub("^\n", ""):gsub("\n", "\n    "))
  end
  if item.randomseed then print("    seed " .. item.randomseed) end
end

local function show_last(handler, status)
  if status == "failure" then
    show("FAILED ", handler.failures[#handler.failures])
  elseif status == "error" then
    show("ERROR  ", handler.errors[#handler.errors])
  elseif status == "pending" then
    show("PENDING", handler.pendings[#handler.pendings])
  end
end

-- The processor time of this process and of those it waited for, in seconds.
local function computed()
  local file = assert(io.open "/proc/self/stat")
  local fields = file:read("a"):match "^.*%) (.*)$"
  file:close()
  local ticks, number = 0, 2
  for field in fields:gmatch "%S+" do
    number = number + 1
    if number >= 14 and number <= 17 then ticks = ticks + tonumber(field) end
  end
  return ticks / 100
end

return function(options)
  local busted = require "busted"
  local clock = require("system").monotime
  local handler = require "busted.outputHandlers.base" ()
  local seen, started
  io.stdout:setvbuf("full", 1 << 20)

  local function failed() return handler.failuresCount + handler.errorsCount end

  local function file_start()
    seen = { passed = handler.successesCount, failed = failed(), computed = computed() }
    started = clock()
    return nil, true
  end

  local function file_end(file)
    local bad = failed() - seen.failed
    print(("  %-50s %4d passed%s  %6.2f s, %5.2f computed"):format(file.name,
      handler.successesCount - seen.passed, bad > 0 and (" %3d failed"):format(bad) or "",
      clock() - started, computed() - seen.computed))
    io.flush()
    write_counts(handler, false)
    return nil, true
  end

  local function test_start(element)
    if options.verbose then print("    " .. handler.getFullName(element)) end
    return nil, true
  end

  local function test_end(_, _, status)
    show_last(handler, status)
    return nil, true
  end

  local function any_error(element)
    if element.descriptor ~= "it" then show("ERROR  ", handler.errors[#handler.errors]) end
    return nil, true
  end

  local function suite_end()
    write_counts(handler, true)
    io.flush()
    return nil, true
  end

  busted.subscribe({ "file", "start" }, file_start)
  busted.subscribe({ "file", "end" }, file_end)
  busted.subscribe({ "test", "start" }, test_start)
  busted.subscribe({ "test", "end" }, test_end)
  busted.subscribe({ "error" }, any_error)
  busted.subscribe({ "failure" }, any_error)
  busted.subscribe({ "suite", "end" }, suite_end)
  return handler
end
