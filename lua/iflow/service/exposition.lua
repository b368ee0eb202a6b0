--- The page /metrics of a service, in Prometheus' text format 0.0.4. Internal; for control.lua.
--
--   local exposition = new_exposition(service)
--   exposition:text()      waits for the outbox
--   exposition:close()
--
-- To count the outbox by sender all of its messages are read, so a scrape may get what an earlier
-- one has seen: the outbox spends a hundredth of its time on it at most, and
-- iflow_outbox_sampled_timestamp_seconds tells how old it is.

local core = require "iflow.core"
local metrics = require "iflow.service.metrics"
local new_loop_lag = require "iflow.service.loop_lag"
local new_semaphore = require "iflow.semaphore"

local FRESH = 5          -- seconds that a look at the outbox holds at least
local SHARE = 100        -- and so many times as long as it took
local SENDERS_MAX = 1000 -- in the outbox; of those that no script defines any more, too
local TICKS = 100        -- of /proc, a second

local exposition = {}
exposition.__index = exposition

exposition.TYPE = "text/plain; version=0.0.4; charset=utf-8"

-- The format --------------------------------------------------------------------------------------

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

-- A label's value is UTF-8; names of files need not be.
local function quoted(value)
  local text = tostring(value)
  if not utf8.len(text) then text = text:gsub("[\x80-\xff]", "?") end
  return '"' .. text:gsub('[\\"\n]', escapes) .. '"'
end

local function number(value)
  if math.type(value) == "integer" then return tostring(value) end
  if value == math.huge then return "+Inf" end
  return ("%.14g"):format(value)
end

local page = {}
page.__index = page

function page:family(name, kind, help)
  self[#self + 1] = ("# HELP %s %s\n# TYPE %s %s\n"):format(name, help, name, kind)
end

-- labels: a list of name, value, name, value, …
function page:sample(name, labels, value)
  if value == nil then return end
  local pairs_of = {}
  for i = 1, #labels, 2 do
    pairs_of[#pairs_of + 1] = labels[i] .. "=" .. quoted(labels[i + 1])
  end
  local text = #pairs_of > 0 and "{" .. table.concat(pairs_of, ",") .. "}" or ""
  self[#self + 1] = ("%s%s %s\n"):format(name, text, number(value))
end

function page:single(name, kind, help, value)
  if value == nil then return end
  self:family(name, kind, help)
  self:sample(name, {}, value)
end

function page:histogram(name, labels, counts)
  local total = 0
  for i = 1, #counts do
    total = total + counts[i]
    local with = table.move(labels, 1, #labels, 1, {})
    with[#with + 1], with[#with + 2] = "le", number(metrics.BOUNDS[i] or math.huge)
    self:sample(name .. "_bucket", with, total)
  end
  self:sample(name .. "_sum", labels, counts.sum)
  self:sample(name .. "_count", labels, total)
end

local function sorted(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- A family with one sample for each of `map`, in the order of names.
function page:each(name, kind, help, label, map, value)
  local names = sorted(map)
  if #names == 0 then return end
  self:family(name, kind, help)
  for _, key in ipairs(names) do self:sample(name, { label, key }, value(map[key], key)) end
end

-- The same, with one for each key of a table of counts.
function page:each_of(name, help, label, map, second, counts)
  local names = sorted(map)
  if #names == 0 then return end
  self:family(name, "counter", help)
  for _, key in ipairs(names) do
    local values = map[key][counts]
    for _, inner in ipairs(sorted(values)) do
      self:sample(name, { label, key, second, inner }, values[inner])
    end
  end
end

-- Senders -----------------------------------------------------------------------------------------

local function durations(out, name, counts, help)
  local all = metrics.senders
  if next(all) then out:family(name, "histogram", help) end
  for _, sender in ipairs(sorted(all)) do
    out:histogram(name, { "sender", sender }, all[sender][counts])
  end
end

local function senders(out, status)
  local all = metrics.senders
  out:each("iflow_messages_accepted_total", "counter", "Messages that the outbox took.", "sender",
    all, function(counts) return counts.accepted end)
  out:each_of("iflow_messages_total", "Messages by what became of them; given_up: the retries "
    .. "are used up. One that was in doubt counts again when it is decided.", "sender", all,
    "outcome", "messages")
  out:each_of("iflow_attempts_total", "Calls of the endpoint by how they ended.", "sender", all,
    "outcome", "attempts")
  durations(out, "iflow_attempt_duration_seconds", "calls", "How long a call of the endpoint took, "
    .. "with the wait for a connection and a token.")
  durations(out, "iflow_delivery_duration_seconds", "journeys", "From when a message was accepted "
    .. "until it was delivered.")
  out:each("iflow_sender_in_flight", "gauge", "Messages that the sender has taken from the outbox.",
    "sender", status.senders, function(sender) return sender.in_flight end)
  out:each("iflow_sender_paused", "gauge", "1 when nothing of the sender can be delivered: refused "
    .. "credentials, a wrong configuration.", "sender", status.senders,
    function(sender) return sender.paused and 1 or 0 end)
end

-- The outbox --------------------------------------------------------------------------------------

local states = { "ready", "blocked", "started", "in_doubt", "rejected" }

--- A look at the outbox by sender, not older than it may be: { list = as of box:stats, at = when };
-- nil when the outbox fails.
function exposition:look()
  local _ <close> = self.one:acquire()
  local seen = self.seen
  if seen and core.task.monotonic() < seen.holds then return seen end
  local began = core.task.monotonic()
  local list = self.service.box:stats()
  if not list then return nil end
  local now = core.task.monotonic()
  self.seen = { list = list, at = core.task.now(),
    holds = now + math.max(FRESH, (now - began) * SHARE) }
  return self.seen
end

local function by_sender(list)
  local map = {}
  for i = 1, math.min(#list, SENDERS_MAX) do map[list[i].sender] = list[i] end
  return map
end

local function sampled(self, out)
  local seen = self:look()
  if not seen then return end
  local map = by_sender(seen.list)
  out:single("iflow_outbox_sampled_timestamp_seconds", "gauge",
    "When the outbox was counted by sender.", seen.at)
  local names = sorted(map)
  if #names == 0 then return end
  out:family("iflow_outbox_messages", "gauge", "Messages in the outbox by state.")
  for _, name in ipairs(names) do
    for _, state in ipairs(states) do
      out:sample("iflow_outbox_messages", { "sender", name, "state", state }, map[name][state])
    end
  end
  out:each("iflow_outbox_oldest_age_seconds", "gauge", "Age of the oldest message that is still to "
    .. "be delivered, 0 when there is none.", "sender", map, function(stat)
      return stat.oldest and math.max(0, core.task.now() - stat.oldest) or 0
    end)
end

local function outbox(self, out, counts)
  sampled(self, out)
  if not counts then return end
  out:single("iflow_dead_letters", "gauge", "Messages that were rejected and wait for somebody.",
    counts.rejected)
  out:single("iflow_in_doubt_messages", "gauge", "Messages that nobody knows the fate of.",
    counts.in_doubt)
  out:single("iflow_outbox_open_messages", "gauge", "Messages that are not delivered.",
    counts.messages)
  out:single("iflow_outbox_open_bytes", "gauge", "Bytes of their bodies.", counts.bytes)
end

-- Connections and tokens --------------------------------------------------------------------------

local function connections(out)
  local stats = core.http.stats()
  out:single("iflow_http_requests_total", "counter", "HTTP requests of every kind.", stats.requests)
  out:single("iflow_connections_opened_total", "counter", "Connections that were opened.",
    stats.opened)
  out:single("iflow_connections_resumed_total", "counter", "Of these, with a resumed TLS session.",
    stats.resumed)
  out:single("iflow_connections_reused_total", "counter", "Requests on a connection that was open.",
    stats.reused)
  out:single("iflow_http_requests_in_flight", "gauge", "Requests under way.", stats.in_flight)
  out:single("iflow_http_requests_waiting", "gauge", "Requests that wait for a connection.",
    stats.waiting)
  out:single("iflow_connections_idle", "gauge", "Connections that are open and unused.", stats.idle)
  out:single("iflow_token_requests_total", "counter", "Requests of the token endpoints.",
    stats.token_requests)
  out:single("iflow_token_request_failures_total", "counter", "Of these, without a token.",
    stats.token_failures)
end

-- Credentials -------------------------------------------------------------------------------------

-- By owner, name and kind: { labels =, ends = of the first to end, created = of the oldest,
-- active = 0, 1 or nil, problem = 0 or 1 }, in the order of the list. An address may have several
-- of a kind.
local function owned(list)
  local found, order = {}, {}
  for _, item in ipairs(list) do
    local labels = { "owner", item.owner or "", "name", item.name or "", "kind", item.kind or "" }
    local key = table.concat({ labels[2], labels[4], labels[6] }, "\0")
    local entry = found[key] or { labels = labels, problem = 0 }
    if not found[key] then order[#order + 1] = entry end
    found[key] = entry
    if item.not_after then entry.ends = math.min(entry.ends or math.huge, item.not_after) end
    if item.created then entry.created = math.min(entry.created or math.huge, item.created) end
    if item.active ~= nil then entry.active = item.active and 1 or 0 end
    if item.problem then entry.problem = 1 end
  end
  return order
end

-- The field of each that has it; no family without a sample.
local function of_owned(out, list, name, field, help)
  local any = false
  for _, entry in ipairs(list) do
    if entry[field] ~= nil then
      if not any then out:family(name, "gauge", help) end
      any = true
      out:sample(name, entry.labels, entry[field])
    end
  end
end

local function credentials(out, status)
  local list = owned(status.credentials or {})
  of_owned(out, list, "iflow_certificate_expiry_timestamp_seconds", "ends",
    "When a certificate or a service key ends to be valid; kinds that begin with next are of the "
    .. "credential that follows.")
  of_owned(out, list, "iflow_credential_created_timestamp_seconds", "created",
    "When a service key was created.")
  of_owned(out, list, "iflow_credential_active", "active",
    "Of a sender with two credentials: 1 for the one that is used, 0 for the other one.")
  of_owned(out, list, "iflow_credential_problem", "problem",
    "1 when a file of the credential cannot be used as it is now.")
end

-- Jobs --------------------------------------------------------------------------------------------

local function jobs(out, status)
  local all, next_runs = metrics.jobs, {}
  for _, item in ipairs(status.triggers) do
    if item.next and all[item.name] then next_runs[item.name] = item.next end
  end
  out:each_of("iflow_job_runs_total", "Runs of a job by how they ended.", "job", all, "outcome",
    "runs")
  out:each("iflow_job_missed_runs_total", "counter", "Runs that were missed and made up for later.",
    "job", all, function(counts) return counts.missed end)
  out:each("iflow_job_skipped_runs_total", "counter",
    "Runs that were left out, since another one went on.", "job", all,
    function(counts) return counts.left_out end)
  out:each("iflow_job_lag_seconds", "gauge", "How late the last run began.", "job", all,
    function(counts) return counts.lag end)
  out:each("iflow_job_last_success_timestamp_seconds", "gauge",
    "When the last run ended well, 0 for never since the start.", "job", all,
    function(counts) return counts.last end)
  out:each("iflow_job_next_run_timestamp_seconds", "gauge", "When the job runs next.", "job",
    next_runs, function(time) return time end)
end

-- The process -------------------------------------------------------------------------------------

local function read(path)
  local file <close> = io.open(path)
  return file and file:read "a"
end

--- Bytes of memory and seconds of CPU, by the kernel.
function exposition.of_kernel()
  local status, stat = read "/proc/self/status", read "/proc/self/stat"
  local kilobytes = status and status:match "VmRSS:%s*(%d+)"
  local user, system
  if stat then
    user, system = stat:match("^.*%) %S" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
  end
  return kilobytes and math.tointeger(kilobytes) * 1024,
    user and (tonumber(user) + tonumber(system)) / TICKS
end

local function of_process(self, out, status)
  local resident, cpu = self.of_kernel()
  out:single("process_resident_memory_bytes", "gauge", "Resident memory.", resident)
  out:single("process_cpu_seconds_total", "counter", "CPU time, user and system.", cpu)
  out:single("process_start_time_seconds", "gauge", "When the service began.", self.began)
  out:single("iflow_lua_memory_bytes", "gauge", "Memory of Lua.",
    math.floor(collectgarbage "count" * 1024))
  out:single("iflow_tasks", "gauge", "Tasks that are alive.", core.task.counts().tasks)
  out:single("iflow_loop_lag_seconds", "gauge", "How late the event loop was at its worst in the "
    .. "last minute.", self.lag:worst())
  out:single("iflow_ready", "gauge", "1 when messages can be delivered.", status.ready and 1 or 0)
  if status.reload then
    out:single("iflow_reload_successful", "gauge", "1 when the last reload of the scripts worked.",
      status.reload.ok and 1 or 0)
  end
  out:family("iflow_build_info", "gauge", "The version, in its labels.")
  out:sample("iflow_build_info", { "version", core.version, "lua", _VERSION:match "[%d.]+" }, 1)
end

-- All of it ---------------------------------------------------------------------------------------

--- The page.
function exposition:text()
  local out, status = setmetatable({}, page), self.service:status()
  for name in pairs(status.senders) do metrics.sender(name) end -- from 0 on
  for _, job in ipairs(self.service.registry.jobs or {}) do metrics.job(job.name) end
  senders(out, status)
  outbox(self, out, status.outbox)
  connections(out)
  credentials(out, status)
  jobs(out, status)
  of_process(self, out, status)
  return table.concat(out)
end

--- { began = when the service began, resident = bytes or nil, lua = bytes, lag = seconds that the
-- event loop was late at its worst in the last minute }.
function exposition:process()
  return { began = self.began, resident = (exposition.of_kernel()), lag = self.lag:worst(),
    lua = math.floor(collectgarbage "count" * 1024) }
end

--- Ends what it watches. May be repeated.
function exposition:close() self.lag:stop() end

--- For a service.
return setmetatable(exposition, { __call = function(_, service)
  return setmetatable({ service = service, one = new_semaphore(1), began = core.task.now(),
    lag = new_loop_lag() }, exposition)
end })
