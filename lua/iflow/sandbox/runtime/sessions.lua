--- The sessions of one worker: a CSRF token belongs to a session, a session to who opened it. Pure.
local sessions = {}
sessions.__index = sessions

local MAX = 10000

--- deps: now() -> seconds, random(n) -> bytes; settings.session_idle.
function sessions.new(deps, settings)
  return setmetatable({ now = deps.now, random = deps.random, settings = settings,
                        by_id = {}, count = 0 }, sessions)
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02X"):format(c:byte()) end))
end

-- Drops what has idled too long, and when that is not enough the longest idle one.
local function make_room(self)
  local oldest
  for id, session in pairs(self.by_id) do
    if self.now() - session.used > self.settings.session_idle then
      self.by_id[id], self.count = nil, self.count - 1
    elseif not oldest or session.used < oldest.used then
      oldest = session
    end
  end
  if self.count >= MAX then self.by_id[oldest.id], self.count = nil, self.count - 1 end
end

function sessions:open(user)
  if self.count >= MAX then make_room(self) end
  local session = { id = hex(self.random(16)), token = hex(self.random(16)), user = user,
                    used = self.now() }
  self.by_id[session.id], self.count = session, self.count + 1
  return session
end

--- The living session of that id and user, or nil.
function sessions:find(id, user)
  local session = id and self.by_id[id]
  if not session or session.user ~= user then return nil end
  if self.now() - session.used > self.settings.session_idle then
    self.by_id[id], self.count = nil, self.count - 1
    return nil
  end
  session.used = self.now()
  return session
end

return sessions
