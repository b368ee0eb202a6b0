-- outbox_list.lua -- `iflow outbox list`: messages as a table, or as one JSON object, written page
-- by page.
local clock = require "iflow.clock"
local open_outbox = require "iflow.cli.outbox".open
local selection = require "iflow.cli.outbox_selection"
local words = require "iflow.cli.outbox_words"

local SHOWN = 20 -- messages that --dry-run lists

local list = {}

local columns = { "number", "age", "state", "sender", "key", "attempts", "status", "reason", "next",
  "id" }

--- A message as a row of those columns.
function list.row(msg, now)
  return { msg.number, words.age(now - msg.created), words.state(msg.state),
    words.line(msg.sender, 30), msg.key and words.line(msg.key, 24), msg.attempts, msg.status,
    msg.code and words.line(msg.code, 40), words.due(msg, now), words.line(msg.id) }
end

--- A message as JSON shows it in lists.
function list.value(msg, now)
  return { number = msg.number, id = msg.id, sender = msg.sender, key = msg.key, state = msg.state,
    age = math.max(0, math.floor(now - msg.created)), created = msg.created, changed = msg.changed,
    not_before = msg.not_before, attempts = msg.attempts, status = msg.status, code = msg.code,
    error = msg.error, message_id = msg.message_id, size = msg.size }
end

--- A table of some messages.
function list.table(out, messages)
  local rows, now = {}, clock.now()
  for i, msg in ipairs(messages) do rows[i] = list.row(msg, now) end
  out:table(columns, rows)
end

-- Writes { "messages": […], "next": N } without holding it; N: there is more behind it.
--- What a command with --dry-run would do to the chosen ones: the first of them, and how many.
-- value: what JSON says.
function list.dry_run(out, chosen, survey, what, value)
  local shown = chosen:first(SHOWN)
  out:result(function()
    if #shown == 0 then return out:print "no message matches" end
    list.table(out, shown)
    out:print(("%s would be %s: %s"):format(words.messages(survey.total), what,
      words.states(survey.states)))
  end, value)
end

local function print_json(out, next_page, next_number)
  local first = true
  io.stdout:write '{"messages":['
  for page in next_page do
    local now = clock.now()
    for _, msg in ipairs(page) do
      io.stdout:write(first and "" or ",")
      io.stdout:write((out:json_text(list.value(msg, now))))
      first = false
    end
    if not io.stdout:flush() then break end -- nobody reads it any more
  end
  local number = next_number()
  out:print(number and ('],"next":%d}'):format(number) or "]}")
end

local function print_tables(out, next_page)
  local any = false
  for page in next_page do
    list.table(out, page)
    any = true
    if not io.stdout:flush() then break end
  end
  if not any then out:print "no message matches" end
end

-- That there are delivered ones that match, when nothing else does.
local function note_delivered(out, box, args)
  if #args.state > 0 or args.id then return end
  if selection.has_filter(args) then
    local filter = selection.filter(args, { "delivered" })
    if selection.pages(box, filter, { limit = 1 })() then
      out:note "those that match are delivered, not shown: see them with --state delivered"
    end
    return
  end
  local delivered = assert(box:counts()).delivered
  if delivered > 0 then
    out:note(("%s delivered, not shown: see them with --state delivered"):format(
      delivered == 1 and "1 message is" or words.number(delivered) .. " messages are"))
  end
end

-- What to do next, for whoever looks at this for the first time.
local function hints(out, seen, next_number)
  if next_number then
    out:note(("there are more: the next page begins with --after %d, --limit all shows everything")
      :format(next_number))
  end
  if (seen.rejected or 0) > 0 then
    out:note("rejected: dead letters; `iflow outbox show NUMBER` tells why, `iflow outbox retry "
      .. "NUMBER --edit` mends one and sends it again")
  end
  if (seen.in_doubt or 0) > 0 then
    out:note "in doubt: they may have arrived; look for their ids in the monitor before a retry"
  end
  if (seen.blocked or 0) > 0 then
    out:note "blocked: an earlier message with their key is not through; see it with --key"
  end
end

-- Pages of at most `limit` messages; the second function says after which number there are more.
local function limited_pages(box, args, limit)
  local filter = selection.filter(args, not args.id and selection.NOT_DELIVERED or nil)
  local pages = selection.pages(box, filter, { after = args.after, limit = limit })
  local last, shown, seen = nil, 0, {}
  local function next_page()
    local page = pages()
    for _, msg in ipairs(page or {}) do
      last, shown, seen[msg.state] = msg.number, shown + 1, (seen[msg.state] or 0) + 1
    end
    return page
  end
  local function next_number()
    if shown == 0 or shown < limit then return nil end
    return selection.pages(box, filter, { after = last, limit = 1 })() and last
  end
  return next_page, next_number, seen
end

--- Runs the command.
function list.run(args, out)
  local box <close>, err = open_outbox(args)
  if not box then return nil, err end
  local next_page, next_number, seen = limited_pages(box, args, args.limit)
  if out.json_mode then return print_json(out, next_page, next_number) end
  print_tables(out, next_page)
  hints(out, seen, next_number())
  if next(seen) == nil then note_delivered(out, box, args) end
end

--- The value of --limit: a number of messages, or "all".
function list.limit(word)
  if word == "all" then return math.huge end
  local number = word:find "^%d+$" and math.tointeger(tonumber(word))
  if not number or number < 1 then return nil, "is neither a number from 1 on nor all" end
  return number
end

--- The value of --after.
function list.after(word)
  local number = word:find "^%d+$" and math.tointeger(tonumber(word))
  if not number then return nil, "is no number of a message" end
  return number
end

return list
