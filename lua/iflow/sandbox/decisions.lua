--- The last requests to the tenant, each with the rule that decided it, so that a user sees why:
--- what `iflow sandbox log --follow` shows. A part of the sandbox that answers a request says its
--- rule by web.because. Bounded; what is older is forgotten.
local core = require "iflow.core"

local decisions = {}
decisions.__index = decisions

local KEPT = 1000      -- events
local WAITING_MAX = 100
local TEXT_MAX = 500   -- bytes of a path or rule

function decisions.new(now)
  return setmetatable({ now = now, last = 0, events = {}, waiting = {}, waiters = 0 }, decisions)
end

-- One line of a terminal, whatever a client sent.
local function plain(text)
  if not text then return nil end
  text = text:sub(1, TEXT_MAX)
  if not text:find "[^ -~]" then return text end
  text = text:gsub("[%c\x7f]", "?")
  return utf8.len(text) and text or (text:gsub("[\x80-\xff]", "?"))
end

local function wake_all(self)
  if self.waiters == 0 then return end
  local waiting = self.waiting
  self.waiting, self.waiters = {}, 0
  for task in pairs(waiting) do core.task.wake(task) end
end

--- Notes what was decided. request, answer: as the hosts have them; began: core.task.monotonic().
function decisions:note(request, answer, began)
  if request.private then return end -- the admin path is no part of the tenant
  local flow, caller = request.flow, request.caller
  self.last = self.last + 1
  self.events[self.last] = {
    number = self.last, time = self.now(), seconds = core.task.monotonic() - began,
    host = request.kind, method = request.method, path = plain(request.target:match "^[^?]*"),
    status = not answer.abort and answer.status or nil,
    rule = plain(answer.rule or request.kind .. ": answered"),
    client_id = caller and caller.client_id,
    flow = flow and flow.name, message_id = request.message_id,
  }
  self.events[self.last - KEPT] = nil
  wake_all(self)
end

--- Notes a client certificate that the handshake refused at a host, before there was a request.
function decisions:refused(host, subject, reason)
  self:note({ kind = host, method = "TLS", target = "-" }, { abort = true,
    rule = ("balancer: certificate '%s' has %s: TLS alert"):format(subject,
      reason == "expired" and "expired, or is not valid yet" or "no clientAuth extended key usage")
  }, core.task.monotonic())
end

--- The events after number `after` (at most KEPT of them), oldest first.
function decisions:since(after)
  local list = {}
  for i = math.max(after + 1, self.last - KEPT + 1, 1), self.last do
    list[#list + 1] = self.events[i]
  end
  return list
end

--- Waits until there is an event after that number, the seconds are over, or the sandbox ends.
function decisions:wait(after, seconds)
  if self.last > after or self.closed then return end
  if self.waiters >= WAITING_MAX then return core.task.sleep(seconds) end
  local task = core.task.current()
  self.waiting[task], self.waiters = true, self.waiters + 1
  core.task.park(seconds)
  if self.waiting[task] then self.waiting[task], self.waiters = nil, self.waiters - 1 end
end

--- Sends home who waits: the sandbox ends.
function decisions:close()
  self.closed = true
  wake_all(self)
end

return decisions
