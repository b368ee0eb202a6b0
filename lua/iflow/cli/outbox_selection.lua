-- outbox_selection.lua -- which messages a command of `iflow outbox` is about: numbers and ids, or
-- filters. Whatever the number of messages, a page of them is in memory.
local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"

local selection = {}
selection.__index = selection

local PAGE = 1000
local PAGE_OF_BODIES = 32 -- each perhaps as large as may be in the database

-- SAP's Idempotent Process Call forgets ids after that (sap-reference 5.8).
local DUPLICATE_WINDOW = 90 * 86400
selection.DUPLICATE_WINDOW = DUPLICATE_WINDOW

local states = { "ready", "blocked", "started", "in_doubt", "rejected", "delivered" }

--- What still matters to somebody.
selection.NOT_DELIVERED = { "ready", "blocked", "started", "in_doubt", "rejected" }

-- "in-doubt" and "in doubt" are meant as in_doubt; "any" leaves nothing out.
local function state_of(word)
  local name = word:gsub("[ -]", "_")
  if name == "any" then return name end
  for _, state in ipairs(states) do
    if state == name then return name end
  end
  return nil, "is no state; there are " .. table.concat(states, ", ") .. " and any"
end

--- The value of options that name a sender, a key, an id or a code.
function selection.name(word)
  if word == "" or #word > 512 then return nil, "must have 1 to 512 bytes" end
  return word
end

--- The options of every command that chooses messages; state_help: the states it takes, and what is
-- meant without --state.
function selection.options(state_help)
  return {
    { "--sender", value = "NAME", env = false, convert = selection.name, group = "Which messages",
      help = "of this sender" },
    { "--state", value = "STATE", env = false, multiple = true, convert = state_of,
      group = "Which messages", help = state_help },
    { "--older-than", value = "TIME", type = "duration", env = false, group = "Which messages",
      help = "accepted longer ago, such as 90m, 2h or 7d" },
    { "--newer-than", value = "TIME", type = "duration", env = false, group = "Which messages",
      help = "accepted since then" },
    { "--reason", value = "CODE", env = false, convert = selection.name, group = "Which messages",
      help = "that failed with this code; * stands for any text: 'call.*'" },
    { "--key", value = "KEY", env = false, convert = selection.name, group = "Which messages",
      help = "of this order key" },
    { "--id", value = "ID", env = false, convert = selection.name, group = "Which messages",
      help = "with this id" },
  }
end

local function usage(text, hint)
  return errors { code = "usage.invalid", message = text, hint = hint }
end

local function is_any(list)
  for _, state in ipairs(list) do
    if state == "any" then return true end
  end
  return false
end

--- The filters of the words, for pages; default_states: without --state, nil for any. Ages are
-- counted from now on, so that every page means the same.
function selection.filter(args, default_states)
  local chosen = #args.state > 0 and args.state or default_states
  return { sender = args.sender, key = args.key, id = args.id, code = args.reason,
    state = chosen and not is_any(chosen) and chosen or nil,
    older = args.older_than and core.task.seconds(args.older_than),
    newer = args.newer_than and core.task.seconds(args.newer_than), at = clock.now() }
end

local function page_of(box, filter, after, limit, bodies)
  local passed = math.max(0, clock.now() - filter.at)
  return assert(box:list { sender = filter.sender, key = filter.key, id = filter.id,
    code = filter.code, state = filter.state, after = after, limit = limit,
    bodies = bodies,
    older_than = filter.older and filter.older + passed,
    newer_than = filter.newer and filter.newer + passed })
end

--- Pages of the messages that match: `for page in selection.pages(box, filter, options)`.
-- options: after = number, limit = messages at most, upto = last number, bodies = true. What goes
-- wrong is raised.
function selection.pages(box, filter, options)
  local after, left = options.after or 0, options.limit or math.huge
  local most = options.bodies and PAGE_OF_BODIES or PAGE
  return function()
    if left <= 0 then return nil end
    local page = page_of(box, filter, after, math.tointeger(math.min(most, left)), options.bodies)
    while page[#page] and page[#page].number > (options.upto or math.huge) do page[#page] = nil end
    if #page == 0 then return nil end
    left, after = left - #page, page[#page].number
    return page
  end
end

-- Numbers and ids ------------------------------------------------------------------------------

local function by_number(box, word)
  local number = word:find "^%d+$" and math.tointeger(tonumber(word))
  if not number or number < 1 then return nil end
  local msg = assert(box:list { after = number - 1, limit = 1 })[1]
  return msg and msg.number == number and msg or nil
end

--- The message of a number or an id, or nil, err.
function selection.find(box, word, sender)
  local msg = by_number(box, word)
  if msg and (not sender or msg.sender == sender) then return msg end
  local list = word ~= "" and #word <= 512 and assert(box:list { id = word, sender = sender }) or {}
  if #list == 1 then return list[1] end
  if #list == 0 then
    return nil, usage(("the outbox has no message %s"):format(word),
      "`iflow outbox list` shows what there is; a delivered message is forgotten after a while")
  end
  local found = {}
  for i, one in ipairs(list) do found[i] = ("%d of %s"):format(one.number, one.sender) end
  return nil, usage(("several senders have a message %s: %s"):format(word,
    table.concat(found, ", ")), "name its number, or the sender with --sender")
end

-- What a command is about ------------------------------------------------------------------------

--- Whether any option chooses messages.
function selection.has_filter(args)
  return args.sender or #args.state > 0 or args.older_than or args.newer_than or args.reason
    or args.key or args.id
end

-- What is wrong with the words, nil when nothing is.
local function mistake_in(args, name)
  local named = #args.message > 0
  if named and (#args.state > 0 or args.older_than or args.newer_than or args.reason or args.key
    or args.id or args.all) then
    return usage("numbers or ids are given, and filters too",
      "give one of them; only --sender may stand beside an id")
  end
  if not named and not selection.has_filter(args) and not args.all then
    return usage("which messages? none is named",
      ("give their numbers or ids (see: iflow outbox list), filters such as --sender or --reason, "
        .. "or --all; see: iflow outbox %s --help"):format(name))
  end
end

--- The messages that the words choose, or nil, err. default_states as in filter; name: of the
-- command; held.box: the outbox, perhaps another object after a pause. Nothing is read of those
-- that filters choose.
function selection.new(held, args, default_states, name)
  local err = mistake_in(args, name)
  if err then return nil, err end
  local self = { held = held, filter = selection.filter(args, default_states) }
  setmetatable(self, selection)
  if #args.message == 0 then return self end
  self.named = {}
  local seen = {}
  for _, word in ipairs(args.message) do
    local msg
    msg, err = selection.find(held.box, word, args.sender)
    if not msg then return nil, err end
    if not seen[msg.number] then self.named[#self.named + 1] = msg end
    seen[msg.number] = true
  end
  table.sort(self.named, function(a, b) return a.number < b.number end)
  return self
end

-- Named ones, as they are now, one by one: they are few.
local function named_pages(box, list, bodies)
  local at = 0
  return function()
    at = at + 1
    local msg = list[at]
    return msg and assert(box:list { after = msg.number - 1, limit = 1, id = msg.id,
      sender = msg.sender, bodies = bodies })
  end
end

--- Pages of the chosen messages, after survey those that it has seen. options: bodies = true.
function selection:pages_of(options)
  local bodies = options and options.bodies
  if self.named then return named_pages(self.held.box, self.named, bodies) end
  return selection.pages(self.held.box, self.filter, { upto = self.upto, bodies = bodies })
end

--- The first ones, `limit` at most, as a list.
function selection:first(limit)
  local list = {}
  for page in self:pages_of() do
    table.move(page, 1, math.min(#page, limit - #list), #list + 1, list)
    if #list == limit then break end
  end
  return list
end

--- Counts them: { total =, bytes =, states = { rejected = … }, old = how many were sent and are
-- older than the duplicate window, first_old = number of the first }.
function selection:survey()
  local found = { total = 0, bytes = 0, states = {}, old = 0 }
  local before, last = clock.now() - DUPLICATE_WINDOW, 0
  for page in self:pages_of() do
    for _, msg in ipairs(page) do
      found.total, found.bytes = found.total + 1, found.bytes + msg.size
      found.states[msg.state] = (found.states[msg.state] or 0) + 1
      if msg.created < before and msg.attempts > 0 then
        found.old, found.first_old = found.old + 1, found.first_old or msg.number
      end
      last = msg.number
    end
  end
  self.upto = last
  return found
end

return selection
