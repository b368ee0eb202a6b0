-- logs.lua -- iflow tenant logs: message processing logs by id, flow, status and time, or as they
-- appear.
local core = require "iflow.core"
local errors = require "iflow.error"
local follow = require "iflow.cli.tenant_follow"
local log_words = require "iflow.cli.log_words"
local shared = require "iflow.cli.tenant_api"

local LIMIT, LIMIT_MAX = 50, 100000
local INTERVAL_MIN = 0.1

local columns = { "started", "message id", "flow", "status", "took", "application id" }

local function row_of(entry)
  return { shared.time(entry.started), shared.text(entry.message_id), shared.text(entry.flow, 40),
    shared.text(entry.status), shared.took(entry.duration), shared.text(entry.application_id, 40) }
end

-- "po_number=12345" words as a table; nil, err.
local function headers_of(list)
  local headers = {}
  for _, word in ipairs(list) do
    local name, value = word:match "^([^=]+)=(.*)$"
    if not name then
      return nil, errors { code = "usage.invalid",
        message = ("--property takes NAME=VALUE, got '%s'"):format(word) }
    end
    headers[name] = value
  end
  return next(headers) and headers or nil
end

local function usage(text) return nil, errors { code = "usage.invalid", message = text } end

-- What tenant_api:logs is asked; nil, err.
local function question(args)
  local headers, err = headers_of(args.property)
  if err then return nil, err end
  if args.limit < 1 or args.limit > LIMIT_MAX then
    return usage(("--limit takes 1 to %d"):format(LIMIT_MAX))
  elseif args.since and args["until"] and args.since >= args["until"] then
    return usage "--since must be before --until"
  elseif core.task.seconds(args.interval) < INTERVAL_MIN then
    return usage(("--interval is at least %g s"):format(INTERVAL_MIN))
  elseif args.follow and args["until"] then
    return usage "--follow goes on; it has no --until"
  end
  return { message_id = args.message_id, correlation_id = args.correlation_id,
    application_id = args.application_id, flow = args.flow, status = args.status,
    since = args.since, before = args["until"], headers = headers, limit = args.limit }
end

-- An id is asked for alone, so what else was wanted may have left out what was found.
local function note_empty(out, asked)
  if asked.message_id or asked.application_id or asked.correlation_id then
    out:note "no log has that id and fits the rest; one appears up to a minute after the call"
  else
    out:note "no log fits"
  end
end

local function show(out, list, asked)
  if out.json_mode then
    out:json { logs = shared.values(list), more = list.more }
    return 0
  end
  local rows = {}
  for i, entry in ipairs(list) do rows[i] = row_of(entry) end
  if #rows > 0 then out:table(columns, rows) else note_empty(out, asked) end
  if list.more then out:note "there are more: --limit shows more, --since and --flow less" end
  return 0
end

local function run(args, out)
  local asked, err = question(args)
  if not asked then return nil, err end
  local api <close>, why = shared.open(args, out)
  if not api then return nil, why end
  if args.follow then return follow(api, asked, core.task.seconds(args.interval), out) end
  local list
  list, err = api:logs(asked)
  if not list then return nil, err end
  return show(out, list, asked)
end

return {
  name = "logs",
  summary = "show message processing logs",
  description = "The newest first. TIME is a duration back from now (30m, 2h, 3d) or a date, of "
    .. "this machine's zone unless it names one. As SAP advises, an id is asked for alone; other "
    .. "conditions beside it hold all the same. With --json { logs: [...], more }.",
  options = shared.with {
    { "--message-id", value = "ID", env = false, help = "the message processing log of this id" },
    { "--correlation-id", value = "ID", env = false, help = "those of one correlation id" },
    { "--application-id", value = "ID", env = false,
      help = "those of one application message id (header SAP_ApplicationID)" },
    { "--flow", value = "ID", env = false, help = "those of one integration flow" },
    { "--status", value = "STATUS", choices = log_words.STATUSES, multiple = true, env = false,
      help = "those with this status" },
    { "--since", value = "TIME", convert = shared.instant, env = false,
      help = "those that started then or later" },
    { "--until", value = "TIME", convert = shared.instant, env = false,
      help = "those that started before then" },
    { "--property", value = "NAME=VALUE", multiple = true, env = false,
      help = "those with this custom header property" },
    { "--limit", value = "N", type = "integer", default = LIMIT, env = false,
      help = "at most so many" },
    { "--follow", flag = true, env = false,
      help = "then those that appear or change, as they do; with --json one object a line" },
    { "--interval", value = "TIME", type = "duration", default = "5s", env = false,
      help = "with --follow: between two looks" },
  },
  run = run,
}
