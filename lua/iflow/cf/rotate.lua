--- Rotates a service key: makes a new one, proves it, exchanges the file that the senders use, and
--- deletes the old one after a time of grace (sap-reference 2.5, 3.8). For lua/iflow/cf.lua, whose
--- cf:rotate_key says what the options are.
---
--- Each step is written into a journal beside the key file before it begins and after it has ended
--- (rotation/journal.lua), and can be done again: a call after a crash goes on where the one before
--- was. Services that watch the file take the new key without a restart.
---
--- An external certificate without pinning is renewed under the key there is: no key is made or
--- deleted, but the first use of the new certificate ends the old one. That is written down before
--- the probe, and from then on there is no way back.
local core = require "iflow.core"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local files = require "iflow.cf.rotation.files"
local journal = require "iflow.cf.rotation.journal"
local keys = require "iflow.cf.keys"
local plan = require "iflow.cf.rotation.plan"
local probe = require "iflow.cf.rotation.probe"

local GRACE = "1d"
local LOOK = 1        -- seconds between two looks at a key that is being made
local SLEEP_MAX = 60  -- seconds; the clock of the machine may be put right meanwhile
local AGAIN = "call it again: it goes on where it stopped; --undo takes everything back"

local function usage(message, hint)
  return nil, errors { code = "usage.invalid", message = message, hint = hint }
end

local function date(at) return os.date("!%Y-%m-%dT%H:%M:%SZ", at // 1) end

-- The texts of the steps ------------------------------------------------------------------------

local texts = {}

function texts.create(at)
  return ("key '%s' of instance '%s', type %s"):format(at.new.name, at.instance, at.type)
end

function texts.stage(at)
  local names = {}
  for i, path in ipairs(at.files) do names[i] = files.staged(path) end
  return table.concat(names, ", ")
end

-- The endpoint that is looked at. Without a way back a token is all that counts: once the new
-- certificate got one, the old one has ended.
local function endpoint_of(at, options)
  return (not at.one_way or options.auth == "certificate") and options.to or nil
end

function texts.probe(at, options)
  local to, list = endpoint_of(at, options), {}
  if options.auth ~= "certificate" then list[1] = "a token" end
  if to then list[#list + 1] = "the way to " .. to end
  local text = table.concat(list, ", and ")
  if not at.one_way then return text end
  return text .. "; from this first use on the old certificate is refused"
end

function texts.switch(at) return table.concat(at.files, ", ") end

function texts.grace(at, options)
  if at.delete_at then return "until " .. date(at.delete_at) end
  return duration.text(core.task.seconds(options.grace or GRACE))
end

function texts.delete(at)
  if at.one_way then return "what was kept of the old certificate" end
  return ("key '%s' of instance '%s'"):format(at.old.name, at.instance)
end

-- Steps -----------------------------------------------------------------------------------------

-- A run: cf, options, at (the journal), job (of cf.create_key), given (of the plan, when it is
-- needed), resumed.
local run = {}
run.__index = run

function run:tell(step, state)
  if self.options.on_step then
    self.options.on_step { step = step, state = state, text = texts[step]
      and texts[step](self.at, self.options) or self.at.new.name }
  end
end

function run:save() return journal.write(self.options.key_file, self.at) end

-- Goes on with that step next.
function run:go_to(step)
  self.at.step = step
  return self:save()
end

-- What the options say; a call after a crash reads it again where a step still needs it.
function run:plan()
  if self.given then return self.given end
  local err
  self.given, err = plan.given(self.options)
  return self.given, err
end

-- The key of that name: its last operation; nil when there is none; nil, err.
local function look(self, name)
  local list, err = keys.list(self.cf, self.at.instance)
  if not list then return nil, err end
  for _, one in ipairs(list) do
    if one.name == name then return one.last_operation or {} end
  end
end

-- The same when it is no longer being made.
local function settled(self, name)
  local until_ = core.task.monotonic() + (self.job.timeout or 0)
  while true do
    local last, err = look(self, name)
    if not last then return nil, err end
    if last.state ~= "in progress" and last.state ~= "initial" then return last end
    if core.task.monotonic() >= until_ then
      return nil, errors { code = "cf.busy", hint = AGAIN,
        message = ("the platform has not ended the %s of the key '%s' yet"):format(
          last.type or "operation", name) }
    end
    core.task.sleep(LOOK)
  end
end

local function delete_key(self, name)
  local last, err = settled(self, name)
  if not last then return not err, err end
  local ok
  ok, err = keys.delete(self.cf, self.at.instance, name, self.job)
  if ok or err.code == "cf.not_found" then return true end
  return nil, err
end

-- Nothing of it remains but what the senders use.
local function forget(self)
  local ok, err = files.clear(self.at.files)
  if not ok then return nil, err end
  return core.file.remove(journal.path(self.options.key_file))
end

-- Whether a creation that failed has left nothing behind, as far as can be told.
local function is_absent(self, name, err)
  if err.code == "cf.unfinished" then return false end
  local there, unknown = look(self, name)
  return not there and not unknown
end

local steps = {}

function steps.create(self)
  local given, err = self:plan()
  if not given then return nil, err end
  local name = self.at.new.name
  if self.resumed then
    local last, why = settled(self, name)
    if why then return nil, why end
    if last and last.state ~= "failed" then return true end
    local ok
    ok, why = delete_key(self, name)
    if not ok then return nil, why end
  end
  given.key.name = name
  local document, warnings = keys.create(self.cf, given.key, self.job)
  if document then
    self.warnings = warnings
    return true
  end
  if warnings.code == "cf.refused" or is_absent(self, name, warnings) then forget(self) end
  return nil, warnings
end

function steps.stage(self)
  local given, err = self:plan()
  if not given then return nil, err end
  local document = given.old.document
  if not self.at.one_way then
    document, err = keys.document(self.cf, self.at.instance, self.at.new.name)
    if not document then return nil, err end
    self.at.new.client_id = keys.describe(document).client_id
  end
  return files.stage(plan.contents(self.options, given, document))
end

function steps.probe(self)
  local options = self.options
  local ok, err = probe.run { key_file = options.key_file, cert = options.cert, key = options.key,
    passphrase = options.passphrase, to = endpoint_of(self.at, options), auth = options.auth,
    way = self.cf.connection.options }
  local may_be_used = self.at.one_way and options.auth == "certificate"
  if ok or not probe.is_refusal(err) or may_be_used then return ok, err end
  local hint = self.at.one_way and "; is the key pinned? Then say --pin"
    or self.at.type == "external" and "; is the old key not pinned? Then say --no-pin" or ""
  if not self.at.one_way then
    local gone, why = delete_key(self, self.at.new.name)
    if not gone then return nil, why end
  end
  local clean, why = forget(self)
  if not clean then return nil, why end
  return nil, errors { code = err.code, cause = err,
    message = "the new key does not work, and is taken back; the old one stays: " .. err.message,
    hint = (err.hint or "see the reason") .. hint }
end

function steps.switch(self)
  local ok, err = files.switch(self.at.files)
  if not ok then return nil, err end
  self.at.switched_at = core.task.now()
  self.at.delete_at = self.at.switched_at + core.task.seconds(self.options.grace or GRACE)
  return true
end

-- The old key must not be deleted while the file has it, or when the new one is gone.
local function check_new(self)
  if self.at.one_way then return true end
  local used, err = plan.read_key(self.options.key_file)
  if not used then return nil, err end
  if used.key.client_id ~= self.at.new.client_id then
    return usage(("'%s' does not hold the new key any more; the old one is not deleted"):format(
      self.options.key_file), "put the new key back, or take the rotation back with --undo")
  end
  local there, unknown = look(self, self.at.new.name)
  if there or unknown then return there and true, unknown end
  return nil, errors { code = "cf.not_found", hint = "take the rotation back with --undo",
    message = ("the new key '%s' is not there any more; the old one is not deleted"):format(
      self.at.new.name) }
end

-- Whoever calls again with another grace means that one.
function steps.grace(self)
  if self.options.grace then
    self.at.delete_at = self.at.switched_at + core.task.seconds(self.options.grace)
    local ok, err = self:save()
    if not ok then return nil, err end
  end
  while core.task.now() < self.at.delete_at do
    if not self.options.wait_grace then return "waiting" end
    core.task.sleep(math.min(self.at.delete_at - core.task.now(), SLEEP_MAX))
  end
  return check_new(self) -- here there is still a way back
end

function steps.delete(self)
  local ok, err = check_new(self)
  if not ok then return nil, err end
  return self.at.one_way or delete_key(self, self.at.old.name)
end

local function following(step)
  for i, name in ipairs(journal.STEPS) do
    if name == step then return journal.STEPS[i + 1] end
  end
end

local function report(self, state)
  local at = self.at
  return { state = state, instance = at.instance, key_file = self.options.key_file, type = at.type,
    one_way = at.one_way or nil, old = at.old, new = at.new,
    delete_at = at.delete_at and date(at.delete_at) or nil, warnings = self.warnings }
end

local function interrupted(self, step, err)
  if not core.file.stat(journal.path(self.options.key_file)) then return nil, err end
  return nil, errors { code = err.code, cause = err, status = err.status,
    retry_after = err.retry_after, message = ("%s: %s"):format(step, err.message),
    hint = err.hint and err.hint .. "; then " .. AGAIN or AGAIN }
end

local function go_on(self)
  local step = self.at.step
  while step do
    self:tell(step, "begins")
    local done, err = steps[step](self)
    if not done then return interrupted(self, step, err) end
    if done == "waiting" then
      self:tell(step, "waiting")
      return report(self, "waiting")
    end
    self:tell(step, "done")
    self.resumed, step = false, following(step)
    local ok
    if step then ok, err = self:go_to(step) else ok, err = forget(self) end
    if not ok then return interrupted(self, self.at.step, err) end
  end
  return report(self, "done")
end

-- Undo ------------------------------------------------------------------------------------------

-- Whether there is a way back: true; or nil, err.
local function check_undo(self)
  local at = self.at
  if at.one_way and at.step ~= "stage" then
    return usage("the new certificate was, or may have been, used: without pinning this first use "
      .. "ends the old one, which SAP refuses from then on", "there is no way back; call again "
      .. "without --undo to end the rotation")
  elseif at.step == "delete" then
    return usage(("the old key '%s' is deleted, or about to be"):format(at.old.name),
                 "call again without --undo to end the rotation")
  elseif not journal.is_after(at.step, "probe") then
    return true
  end
  local old, err = look(self, at.old.name)
  if old or err then return old and true, err end
  return nil, errors { code = "cf.not_found", message = ("the old key '%s' is not there any more")
    :format(at.old.name), hint = "call again without --undo to end the rotation" }
end

texts["put back"] = texts.switch
texts["delete new"] = function(at)
  return ("key '%s' of instance '%s'"):format(at.new.name, at.instance)
end

local undoing = {
  { "put back", function(self)
    return not journal.is_after(self.at.step, "probe") or files.put_back(self.at.files)
  end },
  { "delete new", function(self)
    if self.at.one_way then return true end
    return delete_key(self, self.at.new.name)
  end },
}

local function undo(self)
  if not self.at.undo then
    local ok, err = check_undo(self)
    if ok then
      self.at.undo = true
      ok, err = self:save()
    end
    if not ok then return nil, err end
  end
  for _, step in ipairs(undoing) do
    self:tell(step[1], "begins")
    local ok, err = step[2](self)
    if not ok then return interrupted(self, step[1], err) end
    self:tell(step[1], "done")
  end
  local ok, err = forget(self)
  if not ok then return interrupted(self, "clear", err) end
  return report(self, "undone")
end

-- What would be done ----------------------------------------------------------------------------

local function planned(self)
  local backwards = self.options.undo or self.at.undo
  if backwards and not self.at.undo then
    local ok, err = check_undo(self)
    if not ok then return nil, err end
  end
  if backwards then
    for _, step in ipairs(undoing) do self:tell(step[1], "planned") end
    return report(self, "planned")
  end
  local step = self.at.step
  while step do
    self:tell(step, "planned")
    step = following(step)
  end
  return report(self, "planned")
end

-- Beginning -------------------------------------------------------------------------------------

-- One at a time; nil for a dry run, which leaves no file behind.
local function locked(options)
  if options.dry_run then return nil end
  local lock, err = core.file.lock(journal.path(options.key_file) .. ".lock")
  if lock or err.code ~= "file.locked" then return lock, err end
  return nil, errors { code = "file.locked", hint = "wait until it has ended",
    message = ("'%s' is being rotated by another process"):format(options.key_file) }
end

local function fresh(self)
  if self.options.undo then
    return usage(("no rotation of '%s' is under way that could be taken back"):format(
      self.options.key_file), "the old key is deleted when a rotation has ended")
  end
  local given, err = self:plan()
  if not given then return nil, err end
  self.at, err = plan.begin(self.cf, self.options, given, core.task.now())
  if not self.at then return nil, err end
  self.warnings = given.warnings
  if self.options.dry_run then return true end
  return self:save()
end

local function resume(self)
  if self.at.instance ~= self.options.instance then
    return usage(("'%s' is being rotated for instance '%s'"):format(self.options.key_file,
                                                                   self.at.instance))
  end
  self.resumed = true
  self.options.cert, self.options.key = self.at.cert, self.at.key
  return true
end

-- Files are known by their own names: a link to one stays a link.
local function resolved(options)
  local out = {}
  for name, value in pairs(options) do out[name] = value end
  for _, name in ipairs { "key_file", "cert", "key" } do
    if options[name] then
      local path, err = core.file.absolute(options[name])
      if not path then return nil, err end
      out[name] = path
    end
  end
  return out
end

--- options: of cf:rotate_key, checked; job: of cf:create_key. Returns the report; or nil, err.
return function(cf, options, job)
  local err
  options, err = resolved(options)
  if not options then return nil, err end
  local lock <close>, why = locked(options) -- luacheck: ignore 211
  if why then return nil, why end
  local self = setmetatable({ cf = cf, options = options, job = job, warnings = {} }, run)
  self.at, err = journal.read(options.key_file)
  if err then return nil, err end
  if not self.at and options.continue then
    return { state = "none", instance = options.instance, key_file = options.key_file,
             warnings = {} }
  end
  local ok
  ok, err = (self.at and resume or fresh)(self)
  if not ok then return nil, err end
  if options.dry_run then return planned(self) end
  if options.undo or self.at.undo then return undo(self) end
  return go_on(self)
end
