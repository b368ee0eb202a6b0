-- log.lua -- iflow sandbox log: the messages a sandbox processed; with --follow every request as it
-- happens, with the rule that decided it.
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

return {
  name = "log",
  summary = "show the messages a sandbox processed, or follow its requests",
  description = "Without --follow: the message processing logs. With it: every request to the "
    .. "token server, the runtime, the API and the Cloud Foundry API as it happens, with the step "
    .. "that decided, what it found, and the status; until the sandbox ends, or this command. "
    .. "With --json one object a line.",
  options = {
    { "--dir", value = "DIR", env = "IFLOW_SANDBOX", required = true,
      help = "the sandbox's directory" },
    { "--follow", flag = true, env = false, help = "show requests and why they ended as they did" },
    { "--last", value = "N", type = "integer", default = LAST, env = false,
      help = "with --follow: show the last N requests first" },
  },
  run = function(args, out)
    if args.last < 0 or args.last > KEPT then
      return nil, errors { code = "usage.invalid",
                           message = ("--last takes 0 to %d"):format(KEPT) }
    end
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    if args.follow then return follow(args, out, sb) end
    return messages(out, sb)
  end,
}
