--- Two credentials of one tenant: the one that is in use, and the one that follows it. The next one
-- is used only after it has proved itself; whichever is refused, the other one goes on. Internal;
-- the option `next` of iflow.tenant makes one.
--
--   iflow.tenant { service_key = "orders-key.json", next = { service_key = "orders-key-2.json" } }
--
-- next: service_key, identity, cert, key, passphrase, pass_file as of iflow.tenant; and
--   probe     { to =, method =, … } a call that does no harm, when a token alone proves too little
--             (a certificate that is for direct calls only); otherwise it must get a token
--   from      seconds since 1970 before which it is not tried
--   one_way   true for an external certificate without pinning: its first use ends the one before
--             (sap-reference 2.3), so the switch is announced and never taken back. Where several
--             senders share the certificate, `from` lets all of them switch at once.
--
-- Files that are not there yet are looked for again; so `next` may be named long before it comes.
-- Each credential has connections and tokens of its own, since these belong to identities.

local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"
local events = require "iflow.events"

local FIRST, MOST = 60, 3600 -- seconds between two looks at a next one that is not good yet

local rotation = {}
rotation.__index = rotation

local function say(self, level, event, text, ...)
  events.write(level, "tenant", event, text:format(...), { tenant = self.client_id })
end

-- Whether the credential is what was refused. What a call did not reach for other reasons says
-- nothing about it.
local function is_refused(err) return errors.exit_code(err) == 3 and err.code ~= "token.scope" end

-- A body that can be taken only once is gone when bytes of it were sent.
local function is_repeatable(options, err)
  return type(options.body) ~= "function" or err.sent == "nothing" or err.sent == nil
end

-- The next one ------------------------------------------------------------------------------------

local function prove(tenant, probe)
  if not probe then return tenant:token() end
  local answer, err = tenant:call(probe)
  if answer or not is_refused(err) and err.status then return true end
  return nil, err
end

-- Not good yet: told once for each reason, looked at again after a while.
local function postpone(self, err)
  self.wait = math.min(self.wait and self.wait * 2 or FIRST, MOST)
  self.again = clock.monotonic() + self.wait
  if self.told == err.code then return end
  self.told = err.code
  say(self, "warn", "next_not_used", "the next credential cannot be used yet: %s", tostring(err))
end

local function activate(self, which, why)
  self.active = which
  say(self, "warn", "switched", "%s credential is used from now on (%s): %s", which == self.current
    and "the current" or "the next", why, which.service_key.client_id)
end

local function open_next(self)
  if self.next then return true end
  local tenant, err = self.open()
  if not tenant then return nil, err end
  self.next = tenant
  return true
end

local function is_due(self)
  if self.settled or self.active == self.next then return false end
  return core.task.now() >= self.from and clock.monotonic() >= self.again
end

-- Tries the next one when its time has come; one at a time, the others go on with what there is.
local function try_next(self)
  if self.trying or not is_due(self) then return end
  self.trying = true
  local _ <close> = setmetatable({}, { __close = function() self.trying = false end })
  local ok, err = open_next(self)
  if ok and self.one_way and not self.announced then
    self.announced = true
    say(self, "warn", "switching", "the next credential is used for the first time now; from then "
      .. "on the current one is refused, in every sender that has it")
  end
  if ok then ok, err = prove(self.next, self.probe) end
  if not ok then return postpone(self, err) end
  activate(self, self.next, "it has proved itself")
end

-- Calls -------------------------------------------------------------------------------------------

-- The one that may still be tried after the active one was refused.
local function other(self)
  if self.active == self.current then return open_next(self) and self.next end
  return not self.one_way and self.current or nil
end

local function switch(self, to, err)
  activate(self, to, "the other one was refused: " .. err.code)
  if to == self.current then
    self.wait = math.min(self.wait and self.wait * 2 or FIRST, MOST)
    self.again = clock.monotonic() + self.wait
  end
end

-- Does it with the active one, and with the other one when that is refused.
local function with_either(self, options, act)
  try_next(self)
  local first = self.active
  local result, err = act(first, options)
  if result or not is_refused(err) or not is_repeatable(options or {}, err) then
    return result, err
  end
  local second = self.active ~= first and self.active or other(self)
  if not second then return nil, err end
  local again, why = act(second, options)
  if not again and is_refused(why) then return nil, err end
  if self.active == first then switch(self, second, err) end
  return again, why
end

--- As tenant:call.
function rotation:call(options)
  return with_either(self, options, function(tenant, o) return tenant:perform(o) end)
end

--- As tenant:token.
function rotation:token(options)
  return with_either(self, options, function(tenant, o) return tenant:token(o) end)
end

--- "current" or "next": which one is used now.
function rotation:in_use() return self.active == self.current and "current" or "next" end

--- { active = "current" | "next", current =, next = client ids }
function rotation:status()
  return { active = self:in_use(), current = self.current.service_key.client_id,
    next = self.next and self.next.service_key.client_id or nil }
end

--- The tenant of the next credential, to look at: it is opened from its files, and nothing is asked
-- of anybody. nil, err when that is not possible yet.
function rotation:look()
  local ok, err = open_next(self)
  return ok and self.next or nil, err
end

-- What tells one credential from another.
local function mark(tenant)
  local identity = tenant.identity
  return tenant.service_key.client_id .. "\0" .. (identity and identity:fingerprint() or "")
end

--- Goes on as `before` did, whose files were read anew: when that one used its next credential, and
-- the next one is still the same, it is used from the start. What has one way only goes it once.
function rotation:resume(before)
  if before:in_use() == "current" then return end
  local following = self:look()
  if following and mark(following) == mark(before.next) then self.active = following end
end

function rotation:close()
  self.current:close()
  if self.next then self.next:close() end
end

--- current: the tenant of the current credential; open(): opens that of the next one; options: the
-- others of `next`.
return function(current, open, options)
  return setmetatable({ current = current, active = current, open = open, named = options,
    probe = options.probe,
    from = options.from or 0, one_way = options.one_way or false, again = 0,
    client_id = current.service_key.client_id }, rotation)
end
