--- Who may look at the operator's page: a token that lies beside the outbox, a cookie for whoever
-- has shown it, and forms that only our own pages can send. Internal.

local core = require "iflow.core"

local LIFE = 12 * 3600    -- seconds that a sign-in holds
local SIGN_INS = 64       -- at once; the oldest goes
local FAILURES = 10       -- wrong tokens in a window, then none is looked at until it ends
local WINDOW = 60         -- seconds

local access = {}
access.__index = access

local function random() return core.crypto.base64url(core.crypto.random(32)) end

-- In constant time.
local function same(a, b)
  return type(a) == "string" and a ~= "" and core.secret.new(a) == core.secret.new(b)
end

local function count_failure(self, now)
  if now - self.window >= WINDOW then self.window, self.failures = now, 0 end
  self.failures = self.failures + 1
end

--- Whether no token is looked at just now: the seconds until one is, or nil.
function access:is_closed()
  local left = self.window + WINDOW - core.task.monotonic()
  return self.failures >= FAILURES and left > 0 and math.ceil(left) or nil
end

--- The value of the cookie for whoever has the token; nil for a wrong one.
function access:sign_in(token)
  local now = core.task.monotonic()
  if not same(token, self.token) then
    count_failure(self, now)
    return nil
  end
  if #self.order >= SIGN_INS then self.entries[table.remove(self.order, 1)] = nil end
  local cookie = random()
  self.entries[cookie] = { cookie = cookie, form_token = random(), ends = now + LIFE }
  self.order[#self.order + 1] = cookie
  return cookie
end

--- Who asks, by the headers of a request: { form_token = } or nil.
function access:who(headers)
  for name, value in (headers.cookie or ""):gmatch "([^=;%s]+)=([^;%s]*)" do
    local entry = name == self.cookie_name and self.entries[value]
    if entry and entry.ends > core.task.monotonic() then return entry end
  end
end

--- Whether a form came from a page of ours.
function access.is_own_form(_, who, form) return same(form.form_token, who.form_token) end

--- The cookie ends.
function access:sign_out(who)
  self.entries[who.cookie] = nil
  for i, cookie in ipairs(self.order) do
    if cookie == who.cookie then return table.remove(self.order, i) end
  end
end

--- The header Set-Cookie for a value; "" removes it. A cookie belongs to a host, whatever the port:
-- its name keeps two services apart.
function access:set_cookie(value)
  return ("%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d"):format(self.cookie_name, value,
    value == "" and 0 or LIFE)
end

--- For the page at a port. token: the text that lets somebody in.
return function(port)
  return setmetatable({ token = random(), cookie_name = "iflow_" .. port, entries = {}, order = {},
    window = -WINDOW, failures = 0 }, access)
end
