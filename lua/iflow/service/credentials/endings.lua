--- Tells in the log when a credential comes to its end: 30, 14, 7 and 1 days before, and when it
-- is over; also when a service key is older than somebody wants it to be. Once each, at a start the
-- nearest of them. Internal; for lua/iflow/service/credentials.lua.

local clock = require "iflow.clock"
local core = require "iflow.core"
local ending = require "iflow.credential.ending"

local DAY = 86400

local endings = {}
endings.__index = endings

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
  local step = ending.step(left)
  if not step or not is_news(self, source, entry, ("%d"):format(entry.not_after // 1), step) then
    return
  end
  write(step <= 1 and "error" or "warn", source, "credential_ends", ("%s %s, on %s: put its "
    .. "successor in its place, or beside it (next)"):format(ending.name(entry),
    ending.words(left), ending.date(entry.not_after)),
    { days = math.max(0, math.floor(left / DAY)) })
end

local function look_at_age(self, source, entry, now)
  local age = now - entry.created
  if age < self.key_age or not is_news(self, source, entry, "age", 0) then return end
  write("warn", source, "credential_old", ("%s is %s old: create another key and delete this "
    .. "one"):format(ending.name(entry), ending.days(age)), { days = math.floor(age / DAY) })
end

--- Looks at the entries of a source (sources.lua). in_use: which of two credentials is; the current
-- one does not matter any more when its successor has taken over.
function endings:look(source, entries, in_use)
  local now = clock.now()
  for _, entry in ipairs(entries) do
    local over = entry.credential == "current" and in_use == "next"
    if entry.not_after and not over then look_at_end(self, source, entry, now) end
    if self.key_age and entry.created and not over then look_at_age(self, source, entry, now) end
  end
end

--- key_age: seconds, or nil.
return function(key_age) return setmetatable({ told = {}, key_age = key_age }, endings) end
