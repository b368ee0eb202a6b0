--- Tells in the log when a credential comes to its end: 30, 14, 7 and 1 days before, and when it
-- is over; also when a service key is older than somebody wants it to be. Once each, at a start the
-- nearest of them. Internal; for lua/iflow/service/credentials.lua.

local clock = require "iflow.clock"
local core = require "iflow.core"

local DAY = 86400
local DAYS = { 0, 1, 7, 14, 30 }

local endings = {}
endings.__index = endings

-- The smallest of the numbers of days that has been reached; nil: the end is far.
local function step_of(left)
  for _, days in ipairs(DAYS) do
    if left <= days * DAY then return days end
  end
end

local function in_words(left)
  if left <= 0 then return "has ended" end
  if left < DAY then return ("ends in %d hours"):format(left // 3600) end
  return ("ends in %d day%s"):format(left // DAY, left // DAY == 1 and "" or "s")
end

local function name_of(entry)
  return ("the %s%s%s"):format(entry.kind, entry.path and " " .. entry.path or "",
    entry.subject and " (" .. entry.subject .. ")" or "")
end

local function write(level, source, event, text, fields)
  fields.event, fields[source.owner] = event, source.name
  core.log.write(level, "credentials", ("%s: %s"):format(source.what, text), fields)
end

-- Whether that was not told yet. What replaces it has another end, and so another name.
local function is_news(self, source, entry, mark, step)
  local key = table.concat({ tostring(source.key), entry.kind, entry.path or "", mark }, "\0")
  if self.told[key] and self.told[key] <= step then return false end
  self.told[key] = step
  return true
end

local function look_at_end(self, source, entry, now)
  local left = entry.not_after - now
  local step = step_of(left)
  if not step or not is_news(self, source, entry, ("%d"):format(entry.not_after // 1), step) then
    return
  end
  write(step <= 1 and "error" or "warn", source, "credential_ends", ("%s %s, on %s UTC: put its "
    .. "successor in its place, or beside it (next)"):format(name_of(entry), in_words(left),
    os.date("!%Y-%m-%d %H:%M:%S", entry.not_after // 1)), { days = math.max(0, left // DAY) })
end

local function look_at_age(self, source, entry, now)
  local age = now - entry.created
  if age < self.key_age or not is_news(self, source, entry, "age", 0) then return end
  write("warn", source, "credential_old", ("%s is %d days old: create another key and delete this "
    .. "one"):format(name_of(entry), age // DAY), { days = age // DAY })
end

--- Looks at the entries of a source (sources.lua).
function endings:look(source, entries)
  local now = clock.now()
  for _, entry in ipairs(entries) do
    if entry.not_after then look_at_end(self, source, entry, now) end
    if self.key_age and entry.created then look_at_age(self, source, entry, now) end
  end
end

--- key_age: seconds, or nil.
return function(key_age) return setmetatable({ told = {}, key_age = key_age }, endings) end
