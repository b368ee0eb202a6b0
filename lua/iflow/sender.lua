--- Senders: what a system sends to one iFlow endpoint, and how.
--
--   iflow.sender "orders" {
--     service_key = "orders-key.json",
--     to          = "/http/orders",
--     transform   = { iflow.transform.csv { header = true }, iflow.transform.to_json {} },
--   }
--   local answer, err = iflow.sender "orders":send { order = "4711" }
--   local summary, err = iflow.sender "orders":send_all(iterator, { progress = true })
--   local result, err = iflow.sender "orders":enqueue { order = "4711" }    -- into the outbox
--
-- A function of the message may stand wherever a value can. Options, all but `to` optional:
--   to             address: a path under the service key's url, or a full URL
--   service_key    path of the service key; and the other options of iflow.tenant: identity,
--                  cert, key, pass_file, cacert, proxy, url, token_cache, scope, connections, …
--   method         "POST" with a body or without
--   headers, query tables name -> value
--   auth, csrf, expect, max_body, connect_timeout, timeout, stall_timeout, queue_timeout
--                  as in tenant:call, or a function of the message
--   idempotent     true: the flow recognises repeats by the message's id, so what is in doubt may
--                  be sent again
--   transform      list of steps before sending (lua/iflow/transform.lua)
--   retry          policy (lua/iflow/retry.lua), "sap" by default
--   breaker        { share = 0.5, window = 20, pause = "30s" }: pauses the endpoint when this share
--                  of the last answers were failures; false: never
--   order_by       function(message): messages of the same key go one after the other
--   concurrency    calls in flight at once, 8 by default, 256 at most
--   rate           messages a second at most
--   message_id     function(message) -> text; or { header = "SAP_ApplicationID", value = fn };
--                  false: none. Default: a UUIDv7, the same on every attempt.
--   api            service key of plan api (path), or options of iflow.tenant with one: the message
--                  log decides what became of a message when nobody knows (its ApplicationMessageId
--                  is asked for: the flow's channel must list SAP_ApplicationID as allowed header)
--   in_doubt       where the log cannot decide: "hold" (default: in doubt, for somebody to decide),
--                  "repeat": sent again, perhaps twice, or "reject"; or a table of settings:
--                  policy, one of these; wait ("90s"), until a log that is not there counts as
--                  missing; running ("10m"), how long to wait for a flow that still runs; first
--                  ("500ms") and max ("15s"), the shortest and longest pause between two looks
--   confirm        true or { timeout = "10m" }: a 2xx is no delivery until the log says COMPLETED;
--                  FAILED rejects the message, after the timeout it is in doubt. Needs api, which
--                  is asked 50 times a second at most.
--   on_delivered(message, answer), on_rejected(message, err), on_in_doubt(message, err)
--                  told when a message has ended; on_rejected also when its retries are used up
--                  (then err.outcome is "retryable"). Of a message from the outbox they see data
--                  of up to 512 KiB as JSON.
--   on_limit       what becomes of a stored message when a function of it had to be stopped, since
--                  it ran for too long without waiting or took too much memory (iflow serve
--                  --script-time, --script-memory): "reject" (default), or "ready": it stays in
--                  the outbox, and the sender pauses
--   trace          true: a message that belongs to no trace begins one (lua/iflow/trace.lua). The
--                  trace of a message goes to the endpoint (traceparent, tracestate: W3C Trace
--                  Context) with a new parent id at each attempt, and stands in the log.

local caller = require "iflow.caller"
local check = require("iflow.sender.definition").check
local definition = require "iflow.sender.definition"
local errors = require "iflow.error"
local lazy = require "iflow.lazy"
local message = require "iflow.message"
local new_bucket = require "iflow.sender.bucket"
local new_order = require "iflow.sender.order"
local new_semaphore = require "iflow.semaphore"
local new_sending = require "iflow.sender.sending"
local registry = require "iflow.registry"
local suggest = require "iflow.suggest"

local new_enqueuing = lazy "iflow.sender.enqueuing"
local new_summary = lazy "iflow.sender.enqueue_summary"
local proof = lazy "iflow.sender.proof"

local sender = { __name = "iflow.sender" }
sender.__index = sender

-- Definition ----------------------------------------------------------------------------------

--- Defines it: iflow.sender "name" { … }. Raises at that line when something is wrong.
function sender:__call(options)
  if self.options then
    error(("sender '%s' is defined twice; first at %s"):format(self.name, self.place), 2)
  end
  self.options = check(options, 2)
  self.place = caller.place(2)
  self.kept, self.kept_at = {}, 0
  self.slots = new_semaphore(self.options.concurrency)
  self.order = new_order()
  self.opening = new_semaphore(1)
  self.bucket = self.options.rate and new_bucket(self.options.rate)
  local names = registry.current().names
  names[#names + 1] = self.name
  return self
end

local function defined(self, level)
  if getmetatable(self) ~= sender then error("use a colon: sender:send(…)", level + 1) end
  if self.options then return end
  local names = registry.current().names
  local text = ("no sender '%s' is defined"):format(self.name)
  error(suggest.message(text, self.name, names), level + 1)
end

local function open_tenant(self, options)
  local tenants = require "iflow.tenant"
  local known = tenants.override or tenants.defaults
  if options.service_key == nil and known.service_key == nil then
    return nil, errors { code = "usage.invalid",
      message = ("the sender '%s' (%s) has no service_key"):format(self.name, self.place),
      hint = "set the option there, or use --service-key with iflow run" }
  end
  local ok, tenant, err = pcall(tenants, options)
  if ok then return tenant, err end
  if errors.is(tenant) then error(tenant, 0) end -- cancelled
  return nil, errors { code = "usage.invalid", message = ("the sender '%s' (%s): %s"):format(
    self.name, self.place, (tostring(tenant):gsub("^[^:]*:%d+: ", ""))) }
end

local function new_tenant(self)
  local options = {}
  for _, name in ipairs(definition.for_tenant) do options[name] = self.options[name] end
  if self.options.concurrency > 64 then
    options.connections = options.connections or self.options.concurrency
  end
  return open_tenant(self, options)
end

--- Its tenant, opened when it is first needed: true, or nil, err.
function sender:open()
  if self.tenant then return true end
  local _ <close> = self.opening:acquire()
  if self.tenant then return true end
  local tenant, err = new_tenant(self)
  if not tenant then return nil, err end
  local log = true
  if self.options.api then log, err = proof.open(self) end
  if not log then
    tenant:close()
    return nil, err
  end
  self.tenant_base = tenant.service_key.url or ""
  self.tenant = tenant
  return true
end

--- Reads the files of its credential anew: calls under way end with the old one, what follows has
-- the new one. accept: function(tenant) -> true | nil, err. true; nil, err when they are no good,
-- and nothing has changed then. Internal.
function sender:renew(accept)
  local _ <close> = self.opening:acquire()
  local before = self.tenant
  if not before then return true end
  local tenant, err = new_tenant(self)
  if not tenant then return nil, err end
  local ok
  ok, err = accept(tenant)
  if not ok or self.tenant ~= before then -- or closed since
    tenant:close()
    return ok, err
  end
  if tenant.rotation and before.rotation then tenant.rotation:resume(before.rotation) end
  self.tenant_base, self.tenant = tenant.service_key.url or "", tenant
  before:close()
  return true
end

--- Closes the tenant's connections; the next send opens them again.
function sender:close()
  local tenant = self.tenant
  self.tenant = nil
  if tenant then tenant:close() end
  if self.message_log then proof.close(self) end
end

-- Sending -------------------------------------------------------------------------------------

-- The one outcome that send reports for what a message became.
local function outcome_of(summary, first_answer, first_err)
  if first_err then return nil, first_err end
  if first_answer and summary:total() == 1 then return first_answer end
  return { outcome = summary:total() > 0 and "delivered" or "skipped", count = summary:total(),
    message_id = summary.first_id }
end

--- Sends a message and waits for its outcome.
-- payload: an iflow.message, a string (the body), an iterator of its pieces, or a table (data).
-- Returns answer | nil, err as tenant:call; err.outcome is "rejected", "in_doubt", or "retryable"
-- when its retries are used up. When transforms make several messages of it: the first error, or
-- { outcome = "delivered", count = n }; of none: { outcome = "skipped", count = 0 }.
function sender:send(payload)
  defined(self, 2)
  caller.check_waits("send", 2)
  self.used = true
  local msg = message.of(payload)
  local ok, err = self:open()
  if not ok then return nil, err end
  local first_answer, first_err
  local run <close> = new_sending(self, { holds = true, each = function(_, answer, failure)
    first_answer, first_err = first_answer or answer, first_err or failure
  end })
  run:push(msg)
  return outcome_of(run:finish(), first_answer, first_err)
end

local function check_options(options, name, known, level)
  if options == nil then return {} end
  if type(options) ~= "table" then
    error(("the options of %s are a table, got %s"):format(name, type(options)), level + 1)
  end
  suggest.check_keys(options, known, level + 1)
  if options.each ~= nil and type(options.each) ~= "function" then
    error("option 'each' must be a function, got " .. type(options.each), level + 1)
  end
  return options
end

local function iterate(source, name, single)
  if type(source) == "function" then return source end
  if type(source) ~= "table" then
    error(("%s takes a list of messages or an iterator, got %s"):format(name, type(source)), 3)
  end
  if message.is(source) or source[1] == nil and next(source) ~= nil then
    error(("%s takes a list of messages or an iterator; for one message there is %s"):format(name,
      single), 3)
  end
  local i = 0
  return function()
    i = i + 1
    return source[i]
  end
end

-- Hands on what the iterator gives, until it ends or the sending stops.
local function push_all(run, following)
  local record = 0
  for payload in following do
    record = record + 1
    if not run:push(message.of(payload, { record = record }, 4)) then break end
  end
end

--- Sends all messages of a list or an iterator, `concurrency` at once; the iterator is asked only
-- when there is room. Waits until all have ended.
-- options: progress (a line on a terminal, one in the log each minute elsewhere), each =
-- function(message, answer, err) told of every end; when it raises, the sending stops and raises
-- that. When the iterator raises, what it gave before is delivered first. When the task is
-- cancelled, the callbacks are told of what was under way: in doubt, or left to retry.
-- Returns a summary: delivered, rejected, in_doubt, retryable, skipped, retried, seconds, stopped
-- (the error that ended it early, such as refused credentials), summary:exit_code(); tostring gives
-- a line. nil, err when the credential cannot be read.
function sender:send_all(source, options)
  defined(self, 2)
  caller.check_waits("send_all", 2)
  self.used = true
  options = check_options(options, "send_all", { "progress", "each" }, 2)
  local following = iterate(source, "send_all", "send")
  local ok, err = self:open()
  if not ok then return nil, err end
  local run <close> = new_sending(self, { each = options.each })
  local _ <close> = options.progress and require "iflow.sender.progress" (self.name,
    run.summary, { total = type(source) == "table" and #source or nil }) or nil
  local fine, failure = pcall(push_all, run, following)
  if fine then return run:finish() end
  -- An iterator that raises ends the sending; what it gave before is delivered first.
  if not errors.is(failure) or failure.code ~= "task.canceled" then run:finish() end
  error(failure, 0)
end

-- Enqueueing ----------------------------------------------------------------------------------

-- The service whose outbox takes the messages.
local function service_for(self)
  local found, err = require "iflow.service".current()
  if found then return found end
  err = err or errors { code = "usage.invalid",
    message = ("the sender '%s' cannot enqueue: no outbox is open"):format(self.name),
    hint = "run the script with iflow serve, or with iflow run --outbox FILE; in a program of your "
      .. "own open one with iflow.service" }
  return nil, err
end

local function check_text(options, name, level)
  local value = options[name]
  if value == nil or type(value) == "string" then return end
  error(("option '%s' is a text, got %s"):format(name, type(value)), level + 1)
end

local enqueue_options = { "ids", "wait", "not_before" }

--- Puts a message into the outbox and returns when it is durable; the service delivers it, and
-- repeats what fails, over restarts. Transforms run at once; functions of the message among the
-- options (to, headers, …) at each delivery.
-- payload: as of send. options, all of them optional:
--   ids          a text: messages without an id of their own get ids derived from this text and
--                their position in the payload, so that enqueueing the same again is known
--   wait         how long to wait for room when the outbox is full, "30s" by default
--   not_before   the first attempt: seconds since 1970
-- Returns { id = of the first, state = "accepted", "known" (the sender has it already; it is not
-- sent twice), "rejected" (it became a dead letter) or "skipped" (transforms left all out),
-- count = stored or known, known =, rejected = dead letters }.
-- nil, err when it is not stored: it is the only record and was refused (err.outcome "rejected"),
-- outbox.full, outbox.disk_full; of several records some may be stored.
function sender:enqueue(payload, options)
  defined(self, 2)
  caller.check_waits("enqueue", 2)
  self.used = true
  options = check_options(options, "enqueue", enqueue_options, 2)
  check_text(options, "ids", 2)
  local msg = message.of(payload)
  local service, err = service_for(self)
  if not service then return nil, err end
  local run <close> = new_enqueuing(self, service, { holds = true, ids = options.ids,
    wait = options.wait, not_before = options.not_before })
  run:push(msg)
  local ok
  ok, err = run:finish()
  if not ok then return nil, err end
  return run:result()
end

-- Hands on what the iterator gives, each payload with ids of its own.
local function enqueue_each(run, following, ids)
  local record = 0
  for payload in following do
    record = record + 1
    local of_payload = ids and ("%s\0%d"):format(ids, record)
    if not run:push(message.of(payload, { record = record }, 4), of_payload) then break end
  end
end

--- Puts all messages of a list or an iterator into the outbox, up to 64 at a time, and returns when
-- they are durable. A record that a transform refuses becomes a dead letter.
-- options: progress as of send_all; ids as of enqueue; each = function(message, state, err) told of
-- every one: "accepted", "known", "rejected" (with why), or nil, err when it is not stored.
-- Returns a summary: accepted, known, rejected, skipped, seconds; tostring gives a line. nil, err,
-- summary when one could not be stored (outbox.full, …); what follows it was not read.
function sender:enqueue_all(source, options)
  defined(self, 2)
  caller.check_waits("enqueue_all", 2)
  self.used = true
  options = check_options(options, "enqueue_all", { "progress", "ids", "each" }, 2)
  check_text(options, "ids", 2)
  local following = iterate(source, "enqueue_all", "enqueue")
  local service, err = service_for(self)
  if not service then return nil, err end
  local summary = new_summary()
  local run <close> = new_enqueuing(self, service, { each = options.each, counts = summary })
  local _ <close> = options.progress and require "iflow.sender.progress" (self.name, summary,
    { total = type(source) == "table" and #source or nil }) or nil
  local fine, failure = pcall(enqueue_each, run, following, options.ids)
  if not fine and errors.is(failure) and failure.code == "task.canceled" then error(failure, 0) end
  local ok
  ok, err = run:finish()
  if not fine then error(failure, 0) end
  if ok then return summary:finish() end
  return nil, err, summary:finish()
end

function sender:__tostring() return "iflow.sender: " .. self.name end

--- The sender of a name: to be defined by calling it with a table, or defined already.
return function(name)
  if type(name) ~= "string" or not name:match "^[%w][%w%._%-]*$" or #name > 64 then
    error("a sender's name has letters, digits, '.', '_' and '-', 64 at most", 2)
  end
  local senders = registry.current().senders
  local found = senders[name]
  local former = not found and registry.former() -- a run of a job that a reload has overtaken
  if former and former.senders[name] then return former.senders[name] end
  if not found then
    found = setmetatable({ name = name }, sender)
    senders[name] = found
  end
  return found
end
