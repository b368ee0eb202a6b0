--- The keys that sign tokens (sap-reference 4.3): the current one, in DIR/token-signing.key, and
--- those an automatic rotation retired, whose tokens live on for a while: their public halves are
--- in DIR/retired.json. A signer is { kid, public_pem, n, e, key (the current one), ends }.
--- With the setting rotation_interval a key is changed when it is that old: by whoever needs a key
--- next, but the old one's grace counts from the moment when it was due.
local core = require "iflow.core"
local keys = require "iflow.sandbox.keys"

local signers = {}
signers.__index = signers

local RETIRED_MAX = 100

local function signer_of(key)
  local public_pem, numbers = key:public_pem(), key:jwk()
  return { key = key, public_pem = public_pem, n = numbers.n, e = numbers.e,
           kid = "default-jwt-key-" .. core.crypto.sha256(public_pem):sub(1, 10) }
end

local function generate(self) return keys.rsa(self.dir, 2048) end

local function adopt(self, key, since)
  local ok, err = core.file.write(self.dir .. "/token-signing.key", key:private_pem(), "0600")
  if not ok then return nil, err end
  self.signer, self.since = signer_of(key), since or self.now()
  return self.signer
end

local function make_first(self)
  local key, err = generate(self)
  if not key then return nil, err end
  return adopt(self, key)
end

local function read_current(self)
  local path = self.dir .. "/token-signing.key"
  local stat = core.file.stat(path)
  if not stat then -- takes up to a second: made behind the back of start
    self.making = core.task.spawn(make_first, self)
    return true
  end
  local text, err = core.file.read(path)
  if not text then return nil, err end
  local key
  key, err = core.authority.keypair_from_pem(text)
  if not key then return nil, err end
  self.signer, self.since = signer_of(key), stat.mtime
  return true
end

local function read_retired(self)
  local path = self.dir .. "/retired.json"
  if not core.file.stat(path) then return true end
  local text, err = core.file.read(path)
  if not text then return nil, err end
  local list
  list, err = core.json.decode(text)
  if not list then return nil, err end
  for _, signer in ipairs(list) do self.retired[signer.kid] = signer end
  return true
end

--- Opens the keys in dir and makes the first one when there is none. now() -> seconds; settings:
--- rotation_interval, rotation_grace.
function signers.open(dir, now, settings)
  local self = setmetatable({ dir = dir, now = now, settings = settings, retired = {} }, signers)
  local ok, err = read_retired(self)
  if ok then ok, err = read_current(self) end
  if not ok then return nil, err end
  return self
end

local function living(self)
  local list = {}
  for kid, signer in pairs(self.retired) do
    if self.now() >= signer.ends then self.retired[kid] = nil else list[#list + 1] = signer end
  end
  table.sort(list, function(a, b) return a.ends > b.ends end)
  return list
end

-- ends: when the tokens of the old one do; nil: those of all do now.
local function retire(self, old, ends)
  if not ends then
    self.retired = {}
  else
    self.retired[old.kid] = { kid = old.kid, public_pem = old.public_pem, n = old.n, e = old.e,
                              ends = ends }
  end
  local list = living(self)
  for i = RETIRED_MAX + 1, #list do self.retired[list[i].kid] = nil end
  local kept = core.json.array { table.unpack(list, 1, math.min(#list, RETIRED_MAX)) }
  return core.file.write(self.dir .. "/retired.json", assert(core.json.encode(kept)), "0600")
end

local function exchange(self, ends, since)
  local old = self.signer
  local key, err = generate(self)
  if not key then return nil, err end
  local ok, new
  ok, err = retire(self, old, ends) -- first: a kill in between must not end the old tokens
  if ok then new, err = adopt(self, key, since) end
  if not new then return nil, err end
  return { kid = new.kid, retired = old.kid }
end

-- Waits until no key is being made.
local function settle(self)
  while self.making do
    local making = self.making
    making:join()
    if self.making == making then self.making = nil end
  end
end

-- In a task of its own: it must not end half way when a request does.
local function exchange_alone(self, ends, since)
  self.making = core.task.spawn(exchange, self, ends, since)
  return self.making:join()
end

-- When a rotation was due: the first one, and the last of several that nobody noticed; nil while
-- none is.
local function overdue(self)
  local interval = self.settings.rotation_interval
  local age = self.now() - self.since
  if interval == 0 or age < interval then return nil end
  return self.since + interval, self.since + age // interval * interval
end

--- The one that signs. Waits for the first one, and for a rotation that is due. nil, err when there
--- is none.
function signers:current()
  if not self.signer then return self.making:join() end
  if not overdue(self) then return self.signer end
  settle(self) -- whoever came before may have done it
  local first, last = overdue(self)
  if first then
    local ok, err = exchange_alone(self, first + self.settings.rotation_grace, last)
    if not ok then core.log.write("error", "sandbox", "no key rotation: " .. err.message) end
  end
  return self.signer
end

--- The signer of that key id whose tokens are good now; nil when there is none.
function signers:find(kid)
  local current = assert(self:current())
  if current.kid == kid then return current end
  local signer = self.retired[kid]
  return signer and self.now() < signer.ends and signer or nil
end

--- All whose tokens are good now, the current one first.
function signers:list()
  local list = { (assert(self:current())) }
  return table.move(living(self), 1, RETIRED_MAX, 2, list)
end

--- A new key signs from now on. grace: the seconds for which older tokens stay good; nil is a
--- forced rotation, after which they are worthless at once. Returns { kid, retired = kid }.
function signers:rotate(grace)
  local current, err = self:current()
  if not current then return nil, err end
  settle(self)
  return exchange_alone(self, grace and self.now() + grace)
end

--- Waits for what is being made; where waiting is not possible it is given up.
function signers:close()
  if self.making and not pcall(self.making.join, self.making) then self.making:cancel() end
end

return signers
