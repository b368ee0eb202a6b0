-- log.lua -- iflow tenant log ID: all that the tenant tells of one message.
local certificates = require "iflow.cli.certificates"
local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"
local log_words = require "iflow.cli.log_words"
local shared = require "iflow.cli.tenant_api"

local LOOK_FIRST, LOOK_MAX = 1, 10 -- seconds between two looks with --wait
local YOUNG = 120                  -- seconds in which a log may still appear

-- Looks until the log is there and its message is over, or the time is: entry | nil | nil, err.
local function find(api, args)
  local deadline = clock.monotonic() + (args.wait and core.task.seconds(args.wait) or 0)
  local pause = LOOK_FIRST
  while true do
    local entry, err = api:log(args.id)
    if err then return nil, err end
    local left = deadline - clock.monotonic()
    if entry and entry.outcome ~= "open" or left <= 0 then return entry end
    clock.sleep(math.min(pause, left))
    pause = math.min(pause * 2, LOOK_MAX)
  end
end

local function print_list(out, title, list, line)
  if #list == 0 then return end
  out:print("  " .. title)
  for _, item in ipairs(list) do out:print("    " .. line(item)) end
end

local function head_rows(entry)
  local rows = {}
  local function add(title, value) if value then rows[#rows + 1] = { title, value } end end
  add("status", log_words.status(entry.status))
  add("custom status", entry.custom_status ~= entry.status and shared.text(entry.custom_status))
  add("flow", shared.text(entry.flow))
  add("started", shared.time(entry.started))
  add("ended", shared.time(entry.ended))
  add("took", shared.took(entry.duration))
  add("application id", shared.text(entry.application_id))
  add("application type", shared.text(entry.application_type))
  add("correlation id", shared.text(entry.correlation_id))
  add("sender", shared.text(entry.sender))
  add("receiver", shared.text(entry.receiver))
  add("log level", shared.text(entry.log_level))
  add("monitor", shared.text(entry.web_link))
  return rows
end

local function name_and_value(item)
  return ("%s: %s"):format(shared.text(item.name or "?", 60), shared.text(item.value or "", 500))
end

local function run_line(run)
  return ("%s  %s  %s"):format(shared.time(run.started) or "?", log_words.status(run.status) or "?",
    shared.took(run.started and run.ended and run.ended - run.started) or "runs")
end

local function print_entry(out, entry)
  out:print(shared.text(entry.message_id))
  certificates.print(out, head_rows(entry), "  ")
  if entry.error_text then
    out:print "  error"
    for line in entry.error_text:gmatch "[^\r\n]+" do out:print("    " .. shared.text(line)) end
  end
  print_list(out, "custom header properties", entry.headers, name_and_value)
  print_list(out, "adapter attributes", entry.attributes, name_and_value)
  print_list(out, "runs", entry.runs, run_line)
  for _, part in ipairs(entry.unread) do
    out:note(("%s could not be read: %s"):format(part.what, part.error.message))
  end
end

local function as_json(entry)
  local unread = entry.unread
  entry.unread = {}
  for i, part in ipairs(unread) do
    entry.unread[i] = { what = part.what, code = part.error.code, message = part.error.message }
  end
  return shared.value(entry)
end

-- A log that is not there may not be there yet: what the id tells of its age decides.
local function missing(args, out)
  local made = log_words.made(args.id)
  local young = made and clock.now() - made < YOUNG
  out:fail(errors { code = "call.not_found", retryable = young or nil,
    message = ("the tenant has no message processing log '%s'"):format(shared.text(args.id, 80)),
    hint = young and "one appears up to a minute after the call; try again, or with --wait 2m"
      or "logs are kept for 30 days, none is written with log level NONE, and each tenant has "
      .. "its own" })
  return young and 4 or 1
end

return {
  name = "log",
  summary = "show what became of one message",
  description = "Status, times, the text of the error, custom header properties, adapter "
    .. "attributes, runs, and the link to the monitor. Exit code 4 when there is no log yet, or "
    .. "with --wait the message is not over.",
  arguments = { { "id", help = "the message processing log id, as iflow call prints it" } },
  options = shared.with {
    { "--wait", value = "TIME", type = "duration", env = false,
      help = "until the log is there and the message is over, this long at most" },
  },
  run = function(args, out)
    local api <close>, err = shared.open(args, out)
    if not api then return nil, err end
    local entry
    entry, err = find(api, args)
    if err then return nil, err end
    if not entry then return missing(args, out) end
    local is_open = entry.outcome == "open"
    out:result(function() print_entry(out, entry) end, out.json_mode and as_json(entry))
    return args.wait and is_open and 4 or 0
  end,
}
