--- The doctor: goes the way of a call step by step, from the service key to the role, and says for
-- each step what it found and what to do (sap-reference 8.1).
--
--   local report = tenant:check { to = "/http/orders" }
--
-- Options of tenant:check, all optional:
--   to         the endpoint: a path under the service key's url, or a full URL
--   auth       "token" (default), "certificate" or "basic", as in tenant:call
--   api        service key of plan api, or options of the tenant's API: it knows what is deployed
--   role       the User Role of the sender channel, when it is known
--   csrf       true: the channel is CSRF protected. Then its token is fetched, which runs no flow
--   send       true: a message is sent, with method, headers, query and body as in tenant:call.
--              Without it nothing reaches a flow: what only a message could tell is "unknown"
--   clock      seconds by which the clocks may differ, 60 by default
--   timeout    of each look, "10s" by default
--   warn_days  days before the end of a certificate from which on that is a warning, 30 by default
--   key_age    a service key that is older is a warning, such as "180d"; never by default
--   offline    true: only what the files say, nobody is asked
--   roots      SAP's lists of authorities, as of iflow.roots, instead of those that are built in
-- Waits. Returns a report, also when everything fails:
--   { steps = { { step =, verdict = "fine" | "warning" | "failed" | "unknown" | "skipped",
--                 place = host, when it is about one, evidence =, next_step =, code = of an error,
--                 cause = stable name (lua/iflow/check/causes.lua) } … },
--     verdict = the worst of them, exit_code = 0, or that of the first error }
--
-- A step is a file lua/iflow/check/step/NAME.lua that returns
--   name      as it is shown
--   needs     names of earlier steps: when one failed at the same place, this one is skipped
--   each      true: it runs once for each host on the way
--   place     or the one it is about: "token server" or "runtime"
--   applies   function(look) -> whether it makes sense; always, when it is missing
--   run       function(look, place) -> a finding, or a list of them: { verdict, evidence, … }
-- look is what they share (lua/iflow/check/look.lua).
local caller = require "iflow.caller"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local new_look = require "iflow.check.look"
local suggest = require "iflow.suggest"

local check = {}

-- In this order: a step can rely on those before it.
local STEPS = { "configuration", "validity", "dns", "proxy", "tcp", "tls", "clock",
  "client_certificate", "token_server", "token", "runtime", "address", "endpoint" }
local OFFLINE = { "configuration", "validity", "client_certificate" }

local OPTIONS = { "to", "auth", "api", "role", "csrf", "send", "method", "headers", "query", "body",
  "clock", "timeout", "warn_days", "key_age", "offline", "roots" }

local AUTH = { token = true, certificate = true, basic = true }

local RANK = { skipped = 0, fine = 0, unknown = 1, warning = 2, failed = 3 }

-- The result that keeps a step from running, of those it needs; a step that ran for each host
-- counts for its own one.
local function blocker(results, step, place)
  for _, needed in ipairs(step.needs or {}) do
    for _, result in ipairs(results) do
      local same = not results.each[needed] or not place or result.place == place.name
      local stopped = result.verdict == "failed" or result.verdict == "skipped"
      if result.step == needed and same and stopped then return result end
    end
  end
end

local function add(results, step, place, finding)
  finding.step, finding.place = step.name, place and place.name
  results[#results + 1] = finding
end

local function run_at(results, step, look, place)
  local before = blocker(results, step, place)
  if before then
    local elsewhere = place and before.place and before.place ~= place.name
    return add(results, step, place, { verdict = "skipped", evidence = ("'%s'%s %s"):format(
      before.step, elsewhere and " of " .. before.place or "",
      before.verdict == "failed" and "failed" or "was skipped") })
  end
  local found = step.run(look, place)
  if found.verdict then found = { found } end
  for _, finding in ipairs(found) do add(results, step, place, finding) end
end

local function run(results, step, look)
  if step.applies and not step.applies(look) then return end
  results.each[step.name] = step.each
  if step.each then
    for _, place in ipairs(look.places) do run_at(results, step, look, place) end
  else
    run_at(results, step, look, step.place and look:place(step.place))
  end
end

local function summarize(results, look)
  local verdict, code, warned = "fine", 0, 0
  results.each = nil
  for _, result in ipairs(results) do
    if RANK[result.verdict] > RANK[verdict] then verdict = result.verdict end
    warned = math.max(warned, result.exit_code or 0)
    if result.verdict == "failed" and code == 0 then
      code = errors.exit_code(result.code or "usage.invalid")
    end
  end
  return { steps = results, verdict = verdict, exit_code = code ~= 0 and code or warned,
    credentials = look.tenant and look:credentials() or {} }
end

local function check_type(options, name, kind, level)
  if options[name] == nil or type(options[name]) == kind then return end
  error(("option '%s' must be a %s, got %s"):format(name, kind, type(options[name])), level + 1)
end

local function check_options(options, level)
  if type(options) ~= "table" then
    error("a table of options is expected, got " .. type(options), level + 1)
  end
  suggest.check_keys(options, OPTIONS, level + 1)
  for _, name in ipairs { "to", "role", "method", "auth" } do
    check_type(options, name, "string", level + 1)
  end
  for _, name in ipairs { "csrf", "send", "offline" } do
    check_type(options, name, "boolean", level + 1)
  end
  for _, name in ipairs { "clock", "warn_days" } do
    check_type(options, name, "number", level + 1)
  end
  if options.key_age then duration.check(options.key_age, "key_age", level + 1) end
  if options.auth and not AUTH[options.auth] then
    error("option 'auth' must be 'token', 'certificate' or 'basic'", level + 1)
  end
end

--- Runs all steps. tenant: an open one; nil when it could not be opened, and then why (an
-- iflow.error). Raises `level` above the caller. Internal; tenant:check and `iflow check` call it.
-- each: nil, or told of each result as it comes.
function check.run(tenant, options, why, each, level)
  options = options or {}
  check_options(options, (level or 1) + 1)
  caller.check_waits("check", (level or 1) + 1)
  local look <close> = new_look(tenant, options, why)
  local results, told = { each = {} }, 0
  for _, name in ipairs(options.offline and OFFLINE or STEPS) do
    run(results, require("iflow.check.step." .. name), look)
    while each and told < #results do
      told = told + 1
      each(results[told])
    end
  end
  return summarize(results, look)
end

return check
