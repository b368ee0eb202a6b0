-- log.lua -- iflow sandbox log: the messages a sandbox processed, or one of them, whose status can
-- be changed; with --follow every request as it happens, with the rule that decided it.
local client = require "iflow.sandbox.client"
local errors = require "iflow.error"
local json = require "iflow.json"

local POLL = 25 -- seconds one question waits for the next request
local LAST = 10 -- requests shown before those to come
local KEPT = 1000

local function time(seconds)
  return seconds and os.date("%Y-%m-%d %H:%M:%S", math.floor(seconds))
end

local function messages(out, sb)
  local entries, err = sb:log()
  if not entries then return nil, err end
  if out.json_mode then
    out:json(json.array(entries))
    return 0
  end
  local rows = {}
  for i, entry in ipairs(entries) do
    rows[i] = { entry.id, time(entry.started), entry.flow, entry.status, entry.http_status,
                entry.error }
  end
  out:table({ "message id", "started", "flow", "status", "http", "error" }, rows)
  return 0
end

-- One log, field by field; with --set-status after the change.
local function message(args, out, sb)
  local entry, err
  if args.set_status then
    entry, err = sb:set_status(args.id, args.set_status, args.reason)
  else
    entry, err = sb:message(args.id)
  end
  if not entry then return nil, err end
  out:result(function()
    local names = {}
    for name in pairs(entry) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      local value = entry[name]
      if name == "started" or name == "ended" then value = time(value) end
      if type(value) == "table" then value = json.encode(value, { sort = true }) end
      out:print(("%-18s  %s"):format(name, value))
    end
  end, entry)
  return 0
end

-- "12:00:01.250  runtime  POST /http/orders  role: … → 403"
local function line_of(event)
  local ms = math.floor(event.time % 1 * 1000)
  return ("%s.%03d  %-10s  %s %s  %s → %s"):format(
    os.date("%H:%M:%S", math.floor(event.time)), ms, event.host, event.method, event.path,
    event.rule, event.status or "connection closed")
end

-- Writes events at once; false when nobody reads them any more.
local function show(out, events)
  for _, event in ipairs(events) do
    if out.json_mode then out:json(event) else out:print(line_of(event)) end
  end
  return io.stdout:flush()
end

local function last_of(events, count)
  return table.move(events, math.max(1, #events - count + 1), #events, 1, {})
end

-- Whether the sandbox that answered before has ended, so that an error is the end of the list.
local function has_ended(dir)
  local sb = client.open(dir)
  return not (sb and sb:status())
end

local function follow(args, out, sb)
  local found, err = sb:decisions(0)
  if not found then return nil, err end
  local open = show(out, last_of(found.events, args.last))
  while open and not found.closed do
    found, err = sb:decisions(found.last, POLL)
    if not found and has_ended(args.dir) then return 0 end
    if not found then return nil, err end
    open = show(out, found.events)
  end
  return 0
end

-- What is wrong with the options, or nil.
local function fault_of(args)
  if args.last < 0 or args.last > KEPT then return ("--last takes 0 to %d"):format(KEPT) end
  if args.follow and args.id then return "--follow and --id do not go together" end
  if args.set_status and not args.id then return "--set-status needs --id" end
  if args.reason and not args.set_status then return "--reason needs --set-status" end
end

return {
  name = "log",
  summary = "show the messages a sandbox processed, or follow its requests",
  description = "Without --follow: the message processing logs. With --id one of them in full; "
    .. "--set-status changes it, as if the message was cancelled in a queue, or a retry ended: "
    .. "PROCESSING, COMPLETED, FAILED, RETRY, ESCALATED, CANCELLED, DISCARDED or ABANDONED. "
    .. "With --follow: every request to the "
    .. "token server, the runtime, the API and the Cloud Foundry API as it happens, with the step "
    .. "that decided, what it found, and the status; until the sandbox ends, or this command. "
    .. "With --json one object a line.",
  options = {
    require("iflow.cli.sandbox").dir_option,
    { "--id", value = "ID", env = false, help = "one message, by its id" },
    { "--set-status", value = "STATUS", env = false, help = "with --id: give it this status" },
    { "--reason", value = "TEXT", env = false, help = "with --set-status: the text of the error" },
    { "--follow", flag = true, env = false, help = "show requests and why they ended as they did" },
    { "--last", value = "N", type = "integer", default = LAST, env = false,
      help = "with --follow: show the last N requests first" },
  },
  run = function(args, out)
    local fault = fault_of(args)
    if fault then return nil, errors { code = "usage.invalid", message = fault } end
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    if args.follow then return follow(args, out, sb) end
    if args.id then return message(args, out, sb) end
    return messages(out, sb)
  end,
}
