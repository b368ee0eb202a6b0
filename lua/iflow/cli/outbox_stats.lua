-- outbox_stats.lua -- `iflow outbox stats`: how many messages of every sender are in which state,
-- and how old those are that are not through yet, as Postfix's qshape shows its queue.
local clock = require "iflow.clock"
local core = require "iflow.core"
local open_outbox = require "iflow.cli.outbox".open
local words = require "iflow.cli.outbox_words"

local stats = {}

local states = { "ready", "blocked", "started", "in_doubt", "rejected", "delivered" }
local ages = { "5", "10", "20", "40", "80", "160", "320", "640", "1280", "1280+" }

-- One sender's line. What the box counts as ready includes what is blocked; here nothing is counted
-- twice.
local function line_of(stat)
  local line = { sender = stat.sender, oldest = stat.oldest, ages = stat.ages, open = 0 }
  for _, state in ipairs(states) do line[state] = stat[state] end
  line.ready = stat.ready - stat.blocked
  for _, count in ipairs(stat.ages) do line.open = line.open + count end
  return line
end

local function add(total, line)
  for _, state in ipairs(states) do total[state] = total[state] + line[state] end
  for i in ipairs(ages) do total.ages[i] = total.ages[i] + line.ages[i] end
  total.open = total.open + line.open
  if line.oldest and line.oldest < (total.oldest or math.huge) then total.oldest = line.oldest end
end

local function lines_of(list)
  local lines = {}
  local total = { sender = "total", open = 0, ages = {} }
  for _, state in ipairs(states) do total[state] = 0 end
  for i in ipairs(ages) do total.ages[i] = 0 end
  for i, stat in ipairs(list) do
    lines[i] = line_of(stat)
    add(total, lines[i])
  end
  table.sort(lines, function(a, b) return a.sender < b.sender end)
  return lines, total
end

local function state_row(line, now)
  local row = { words.line(line.sender, 40) }
  for i, state in ipairs(states) do row[i + 1] = line[state] end
  row[#row + 1] = line.oldest and words.age(now - line.oldest)
  return row
end

local function age_row(line)
  return { words.line(line.sender, 40), line.open, table.unpack(line.ages) }
end

local function print_tables(out, lines, total)
  local by_state, by_age, now = {}, {}, clock.now()
  for i, line in ipairs(lines) do by_state[i], by_age[i] = state_row(line, now), age_row(line) end
  by_state[#by_state + 1], by_age[#by_age + 1] = state_row(total, now), age_row(total)
  out:table({ "sender", "ready", "blocked", "started", "in doubt", "rejected", "delivered",
    "oldest open" }, by_state)
  if total.open == 0 then return end
  out:print "\nopen messages by age, up to so many minutes"
  out:table({ "sender", "open", table.unpack(ages) }, by_age)
end

local function value_of(line, now)
  local value = { sender = line.sender, open = line.open, oldest = line.oldest, ages = {},
    oldest_age = line.oldest and math.max(0, math.floor(now - line.oldest)) }
  for _, state in ipairs(states) do value[state] = line[state] end
  for i, minutes in ipairs(ages) do value.ages[minutes] = line.ages[i] end
  return value
end

--- Runs the command.
function stats.run(args, out)
  local box <close>, err = open_outbox(args)
  if not box then return nil, err end
  local lines, total = lines_of(assert(box:stats()))
  local values, now = core.json.array {}, clock.now()
  for i, line in ipairs(lines) do values[i] = value_of(line, now) end
  local sum = value_of(total, now)
  sum.sender = nil
  out:result(function() print_tables(out, lines, total) end, { senders = values, total = sum })
end

return stats
