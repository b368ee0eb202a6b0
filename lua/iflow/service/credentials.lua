--- Credential files that change while a service runs: service keys, certificates, keys, passphrases
-- and authorities of senders, certificates, client authorities and API keys of relays. Internal; a
-- service has one.
--
--   local running = credentials.start(service)
--   running:list()      -- what service:status().credentials is: lua/iflow/service.lua
--   running:stop(limit)
--
-- Their folders are watched, and looked at now and then, since not every file system tells of
-- changes. Half a second after the last change everything of a sender, or of a relay's address, is
-- read anew and takes the place of what was there: calls under way end with the old identity, new
-- ones have the new one, and so its tokens and connections. What cannot be read, does not fit
-- together or is not valid changes nothing: the old one stays, the log tells why, once, and it is
-- tried again with the next change, and now and then. What comes to its end is told in time
-- (endings.lua).

local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"
local file_state = require "iflow.file_state"
local new_endings = require "iflow.service.credentials.endings"
local new_folders = require "iflow.service.credentials.folders"
local new_waiters = require "iflow.waiters"
local sources = require "iflow.service.credentials.sources"

local SETTLE = 0.5  -- seconds without a change, since several files are not replaced at once
local EVERY = 30    -- seconds between two looks

local credentials = {}

local running = {}
running.__index = running

local describe = errors.handler "script.failed"

-- Log ---------------------------------------------------------------------------------------------

local function date(seconds) return os.date("!%Y-%m-%d %H:%M:%S UTC", math.floor(seconds)) end

local function write(level, source, event, text, err)
  core.log.write(level, "credentials", ("%s: %s"):format(source.what, text),
    { event = event, [source.owner] = source.name, code = err and err.code })
end

local function paths_of(entries)
  local list = {}
  for i, entry in ipairs(entries) do list[i] = entry.path end
  return table.concat(list, ", ")
end

-- A next credential that is no good yet keeps nothing from being renewed.
local function tell_next(source, entry)
  write("warn", source, "credentials_refused", ("the %s %s cannot be used yet: %s"):format(
    entry.kind, entry.path or "", tostring(entry.failure)), entry.failure)
end

local function tell_renewed(source, entries)
  local list, bad = {}, false
  for _, entry in ipairs(entries) do
    if entry.changed and entry.failure then
      bad = true
      tell_next(source, entry)
    elseif entry.changed then
      list[#list + 1] = ("%s %s%s%s"):format(entry.kind, entry.path,
        entry.subject and ", " .. entry.subject or "",
        entry.not_after and ", valid until " .. date(entry.not_after) or "")
    end
  end
  if #list == 0 and bad then return end
  write("info", source, "credentials_renewed", "new credentials are in use: "
    .. (#list > 0 and table.concat(list, "; ") or paths_of(entries)))
end

local function tell_refused(source, err)
  write("warn", source, "credentials_refused", ("the credential files were changed and cannot be "
    .. "used, so the old ones stay in use: %s"):format(tostring(err)), err)
end

-- One source --------------------------------------------------------------------------------------

local function invalid(entry, text, at)
  return nil, errors { code = "cert.expired",
    message = ("the %s '%s' (%s) %s %s"):format(entry.kind, entry.path or "of the script",
      entry.subject, text, date(at)),
    hint = "put a certificate that is valid now, and its key, in its place" }
end

-- Whether a certificate that somebody shows is valid now, and authorities can be read: they are at
-- every new connection.
local function accept_one(entry, now)
  if entry.failure then return nil, entry.failure end
  if entry.not_before then -- the authorities have none: one of many may have run out
    if entry.not_after <= now then return invalid(entry, "expired on", entry.not_after) end
    if entry.not_before > now then return invalid(entry, "is valid from", entry.not_before) end
  end
  return true
end

-- All of them are good; of two credentials one is enough.
local function accept(entries)
  local now, failed, why = core.task.now(), {}, nil
  for _, entry in ipairs(entries) do
    local ok, err = accept_one(entry, now)
    if not ok and not entry.credential then return nil, err end
    if not ok or entry.awaited then
      failed[entry.credential] = true
      why = why or err
    end
  end
  if failed.current and failed.next then return nil, why end
  return true
end

-- What is known of a source; anew when its credential was exchanged, by us or by a reload.
local function memory_of(self, source, held)
  local known = self.known[source.key]
  if known and known.holds == held.key then return known end
  local before = known and known.entries or {}
  known = { holds = held.key, entries = held.entries(), loaded = core.task.now() }
  for i, entry in ipairs(known.entries) do
    entry.state = file_state(entry.files)
    entry.changed = before[i] ~= nil and before[i].state ~= entry.state
  end
  self.known[source.key] = known
  return known
end

-- Those of its entries whose files are others now.
local function mark(known, problem)
  local found = false
  for _, entry in ipairs(known.entries) do
    local differs = problem and file_state(entry.files) ~= entry.state
    entry.problem, found = differs and problem or nil, found or differs
  end
  if problem and not found then known.entries[1].problem = problem end
  known.problem = problem
end

local function refuse(source, known, state, err)
  local text = tostring(err)
  known.refused = state
  if known.problem ~= text then tell_refused(source, err) end
  mark(known, text)
end

local function renew(self, source, known, state)
  local ok, done, err = xpcall(source.renew, describe, accept)
  if not ok and errors.is(done) and done.code == "task.canceled" then error(done, 0) end
  if not ok then done, err = nil, errors.wrap(done, "script.failed") end
  if not done then return refuse(source, known, state, err) end
  local held = source.held()
  if not held then return end
  core.http.drop_idle() -- what idles belongs to the old identity; in use, it is not used again
  tell_renewed(source, memory_of(self, source, held).entries)
  if source.renewed then source.renewed() end
end

-- Everything is as it was read.
local function settled(source, known)
  known.seen, known.refused = nil, nil
  if not known.problem then return end
  mark(known, nil)
  write("info", source, "credentials_restored", "the credential files are again those in use")
end

-- Looks at one: after how many seconds to look again, or nil.
local function look_at(self, source, held, again)
  local known = memory_of(self, source, held)
  local state, now = file_state(held.paths), clock.monotonic()
  if state == held.state then return settled(source, known) end
  if state ~= known.seen then known.seen, known.since = state, now end
  local left = known.since + SETTLE - now
  if left > 0 then return left end
  if state == known.refused and not again then return nil end
  renew(self, source, known, state)
  return SETTLE -- it may have been changed while it was read
end

-- All of them -------------------------------------------------------------------------------------

local function folder_of(path)
  local folder = path:match "^(.*)/[^/]*$"
  return folder == "" and "/" or folder or "."
end

-- again: what was refused is tried, too. Returns after how many seconds to look again.
local function look(self, again)
  local wait, folders = nil, {}
  for _, source in ipairs(sources.of(self.service)) do
    local held = source.held()
    if held then
      for _, path in ipairs(held.paths) do folders[folder_of(path)] = true end
    end
  end
  self.folders:watch(folders)
  for _, source in ipairs(sources.of(self.service)) do
    local held = source.held()
    local left = held and look_at(self, source, held, again)
    local known = held and self.known[source.key]
    if known then self.endings:look(source, known.entries, held.in_use) end
    wait = left and math.min(wait or left, left) or wait
  end
  return wait
end

local function wake(self)
  self.woken = true
  self.sleeping:wake(true)
end

local function rest(self, seconds)
  if self.woken then return end
  local alarm = core.task.spawn(function()
    clock.sleep(seconds)
    self.sleeping:wake(true)
  end)
  local _ <close> = setmetatable({}, { __close = function() alarm:cancel() end })
  self.sleeping:wait()
end

local function run(self)
  local full = 0 -- when everything is to be tried again
  while true do
    local now = clock.monotonic()
    local again = now >= full
    if again then full = now + EVERY end
    self.woken = false
    local ok, wait = xpcall(look, describe, self, again)
    if not ok and errors.is(wait) and wait.code == "task.canceled" then error(wait, 0) end
    if not ok then
      core.log.write("error", "credentials", tostring(wait))
      wait = nil
    end
    rest(self, math.min(wait or EVERY, math.max(0.01, full - clock.monotonic())))
  end
end

-- Outside -----------------------------------------------------------------------------------------

-- nil where there are not two.
local function is_active(entry, in_use)
  if entry.credential then return entry.credential == in_use end
end

--- { { owner = "sender" | "relay", name =, kind = that of a next credential begins with "next ",
-- path = nil when a script gave no file, subject = of the certificate, or client id of the service
-- key, not_after =, created = of a service key, loaded = seconds since 1970, active = whether it is
-- the one of two credentials that is used, problem = why what is in the file now is not in use, or
-- nil } … }
function running:list()
  local list = {}
  for _, source in ipairs(sources.of(self.service)) do
    local held = source.held()
    local known = held and memory_of(self, source, held)
    for _, entry in ipairs(known and known.entries or {}) do
      list[#list + 1] = { owner = source.owner, name = source.name, kind = entry.kind,
        path = entry.path, subject = entry.subject, not_after = entry.not_after,
        created = entry.created, loaded = known.loaded, active = is_active(entry, held.in_use),
        problem = entry.problem or entry.failure and tostring(entry.failure) or nil }
    end
  end
  return list
end

--- The service has another registry, and so other files.
function running:follow() wake(self) end

--- Watches no more; what is being read is dropped. May be repeated.
function running:stop()
  self.task:cancel()
  self.folders:close()
end

--- Starts it for a service.
function credentials.start(service)
  local self = setmetatable({ service = service, sleeping = new_waiters(),
    known = setmetatable({}, { __mode = "k" }), endings = new_endings(service.key_age) }, running)
  self.folders = new_folders(function() wake(self) end)
  for _, source in ipairs(sources.of(service)) do
    local held = source.held()
    if held then memory_of(self, source, held) end
  end
  self.task = core.task.spawn(run, self)
  return self
end

return credentials
