-- outbox.lua -- iflow outbox: looks into the outbox, sends dead letters again, gives messages up.
local drop = require "iflow.cli.outbox_drop"
local edit = require "iflow.cli.outbox_edit"
local export = require "iflow.cli.outbox_export"
local list = require "iflow.cli.outbox_list"
local outbox = require "iflow.cli.outbox"
local retry = require "iflow.cli.outbox_retry"
local selection = require "iflow.cli.outbox_selection"
local show = require "iflow.cli.outbox_show"
local stats = require "iflow.cli.outbox_stats"

-- The options of a command: its own, those that choose messages, and --outbox.
local function options(own, choose)
  local rows = {}
  for _, part in ipairs { choose or {}, own, { outbox.option } } do
    table.move(part, 1, #part, #rows + 1, rows)
  end
  return rows
end

local any_state = "ready, blocked, started, in_doubt, rejected, delivered or any"
local messages = { "message", args = "*", help = "numbers or ids of messages; or choose them by "
  .. "the options below" }
local all = { "--all", flag = true, env = false, group = "Which messages",
  help = "all of them, when no other option chooses" }
local yes = { "-y --yes", flag = true, env = false, help = "do not ask; needed where nobody can be "
  .. "asked" }
local dry_run = { "-n --dry-run", flag = true, env = false,
  help = "only show which messages are meant" }

-- selection.options and --all.
local function choosing(state_help)
  local rows = selection.options(state_help)
  rows[#rows + 1] = all
  return rows
end

local list_command = {
  name = "list",
  summary = "messages with their states",
  description = "Lists messages by number, oldest first, without those that are through. The "
    .. "reason is the code of the last error; next says when a message that waits is due.",
  options = options({
    { "--limit", value = "N", convert = list.limit, default = 100, env = false,
      help = "show at most so many, or all" },
    { "--after", value = "NUMBER", convert = list.after, env = false,
      help = "begin behind this number: the next page" },
  }, selection.options(any_state .. " (default: all but delivered)")),
  run = list.run,
}

local show_command = {
  name = "show",
  summary = "one message: every attempt, headers, body",
  description = "Shows a message with every attempt (the last 100), its headers and its body. "
    .. "Values of headers that look like secrets are hidden. Bytes that are no text are shown as a "
    .. "hex dump.",
  arguments = { { "message", help = "the number or the id of a message" } },
  options = options {
    { "--sender", value = "NAME", env = false, convert = selection.name,
      help = "the sender, when several know the id" },
    { "--max-body", value = "BYTES", convert = show.max_body, default = 4096, env = false,
      help = "show so much of the body" },
    { "--save", value = "FILE", env = false,
      help = "write the whole body to a new file that only you can read, instead of showing it" },
  },
  run = show.run,
}

local retry_command = {
  name = "retry",
  summary = "send messages again",
  description = "Makes messages ready again: dead letters, messages in doubt, and such as wait for "
    .. "their time. A message keeps its id, so that a receiver that knows ids takes it once. "
    .. "Messages in doubt may have arrived; you are asked before they are sent again. One message "
    .. "may be edited: its body, or its data as JSON when a transform refused it.",
  arguments = { messages },
  options = options({
    { "--rate", value = "RATE", convert = retry.rate, env = false,
      help = "spread them over time: 5/s, 30/m, 1000/h" },
    { "-e --edit", flag = true, env = false,
      help = "edit the one message with $VISUAL or $EDITOR before" },
    { "--body", value = "FILE", env = false, dash = true,
      help = "take its new body (or data) from a file, - is standard input" },
    { "-H --header", value = "'NAME: VALUE'", multiple = true, convert = edit.header, env = false,
      help = "set one of its headers; 'NAME:' removes it" },
    dry_run, yes,
  }, choosing("rejected, in_doubt, ready or blocked (default: rejected and in_doubt)")),
  run = retry.run,
}

local drop_command = {
  name = "drop",
  summary = "give messages up",
  description = "Removes messages for good; what is being sent just now stays. You are asked "
    .. "before. With --export they are written to a file first, from which `iflow run SCRIPT "
    .. "--sender NAME --again FILE` can send them.",
  arguments = { messages },
  options = options({
    { "--export", value = "FILE", env = false,
      help = "write them to this new file before, one JSON line each" },
    dry_run, yes,
  }, choosing("rejected, in_doubt, ready, blocked, delivered or any (default: rejected)")),
  run = drop.run,
}

local stats_command = {
  name = "stats",
  summary = "how many messages, in which state, how old",
  description = "Counts the messages of every sender by state, and those that are not through yet "
    .. "by their age: in the column 20 stand those that were accepted more than 10 and up to 20 "
    .. "minutes ago.",
  options = options {},
  run = stats.run,
}

local export_command = {
  name = "export",
  summary = "messages as JSON lines",
  description = "Writes messages in the form of a file of rejects, one JSON object a line, to be "
    .. "kept, mended, or sent by `iflow run SCRIPT --sender NAME --again FILE`. They stay in the "
    .. "outbox.",
  arguments = { messages },
  options = options({
    { "-o --output", value = "FILE", env = false,
      help = "a new file that only you can read (default: standard output)" },
  }, selection.options(any_state .. " (default: all but delivered)")),
  run = export.run,
}

return {
  name = "outbox",
  summary = "the durable queue and its dead letters",
  description = "Looks at the outbox of a service, whether the service runs or not: what waits, "
    .. "what failed and why; sends dead letters again or gives them up.",
  commands = { list_command, show_command, retry_command, drop_command, stats_command,
    export_command },
}
