-- annotation_options.lua -- which class of lua/iflow/meta says what of the options that the loaded
-- module accepts, and their defaults. For spec/meta/annotations_spec.lua.
--
-- A row: { class =, keys = a set, defaults = name -> value, try = function(options) of C }.
local core = require "iflow.core"
local iflow = require "iflow"
local live = require "spec.support.live_module"
local process = require "spec.support.process"
local registry = require "iflow.registry"

local options = {
  --- Classes of options that only stand in others, whose rows check them.
  base = { ["iflow.cf.instance.options"] = true },
}

local P = live.PROBE
local KEY = { oauth = { clientid = "sb-x", clientsecret = "y", tokenurl = "https://t.example/oauth",
  url = "https://r.example" } }

local function merge(...)
  local all = {}
  for _, part in ipairs { ... } do
    for name, value in pairs(part) do all[name] = value end
  end
  return all
end

local function set(...)
  local found = {}
  for _, name in ipairs { ... } do found[name] = true end
  return found
end

local function without(from, name)
  local left = merge(from)
  left[name] = nil
  return left
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  if getmetatable(a) ~= getmetatable(b) then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- The one of the candidates that makes the same as nothing at all.
local function default_among(make, name, candidates)
  local nothing, found = make {}, nil
  for _, candidate in ipairs(candidates) do
    if same(make { [name] = candidate }, nothing) then
      assert(found == nil, name)
      found = candidate
    end
  end
  return found
end

local function add(list, class, fn, defaults)
  local keys, checked = live.checked(fn, class)
  list[#list + 1] = { class = class, keys = keys,
    defaults = merge(checked and live.defaults(checked) or {}, defaults or {}) }
  return keys
end

local function add_c(list, class, keys, defaults, try)
  list[#list + 1] = { class = class, keys = keys, defaults = defaults, try = try }
end

-- A number or an expression in a file of the project.
local function in_file(path, pattern)
  local found = assert(process.read(path), path):match(pattern)
  return assert(load("return " .. assert(found, path .. ": " .. pattern)))()
end

-- Tenants -----------------------------------------------------------------------------------------

-- What the client of the C core does when nobody says how long.
local function times()
  local text, found = live.source "net/client", {}
  for _, name in ipairs { "connect_timeout", "timeout", "stall_timeout", "queue_timeout" } do
    local value = text:match("%." .. name .. "_ms = ([^,]+),")
    found[name] = live.evaluate(text, value) / 1000
  end
  return found
end

-- What iflow.tenant hands on to C, as one text.
local function settings_of(given)
  local seen
  local before = core.tenant.new
  local _ <close> = setmetatable({}, { __close = function() core.tenant.new = before end })
  core.tenant.new = function(settings)
    seen = ("%s %s %s"):format(settings.cache_dir, settings.grant_in_query, settings.secret_in_body)
    return nil, { code = "usage.invalid" }
  end
  iflow.tenant(merge({ service_key = KEY }, given))
  return seen
end

local function of_tenant()
  local client = live.source "net/client"
  return merge(times(), {
    connections = live.evaluate(client, "CONNECTIONS"),
    token_cache = default_among(settings_of, "token_cache", { true, "/tmp/x" }),
    grant_type_in = default_among(settings_of, "grant_type_in", { "body", "query" }),
    client_auth = default_among(settings_of, "client_auth", { "basic", "body" }),
  })
end

local function of_call()
  local made = live.source "call/call"
  local text, client = live.source "bind/call" .. made, live.source "net/client"
  return merge(times(), without(live.c_defaults(text, "read_plain"), "connect_timeout"), times(), {
    method = made:match '%.method = "(%w+)"',
    max_body = live.evaluate(client, client:match "%.max_body = ([^,]+),"),
  })
end

local function add_tenants(list)
  local tenant <close> = assert(iflow.tenant { service_key = KEY, token_cache = false })
  add(list, "iflow.tenant.options", function() iflow.tenant { [P] = 1 } end, of_tenant())
  add(list, "iflow.tenant.next", function() iflow.tenant { next = { [P] = 1 } } end)
  add(list, "iflow.token.options", function() tenant:token { [P] = 1 } end,
    live.c_defaults((live.source "bind/tenant"), "m_token"))
  add(list, "iflow.call.options", function() tenant:call { [P] = 1 } end, of_call())
  add(list, "iflow.check.options", function() tenant:check { [P] = 1 } end, {
    auth = in_file("lua/iflow/check/look.lua", "options%.auth or (\"%w+\")"),
    timeout = in_file("lua/iflow/check/look.lua", "options%.timeout or (%d+)"),
    clock = live.variable(require "iflow.check.step.clock", "LEEWAY"),
    warn_days = live.variable(require "iflow.check.step.validity", "WARN_DAYS"),
  })
  add_c(list, "iflow.identity.options", live.c_keys((live.source "bind/identity"), "f_open"), {},
    core.identity.open)
end

-- Senders -----------------------------------------------------------------------------------------

local function checked_sender(given)
  return require("iflow.sender.definition").check(merge({ to = "/x" }, given), 1)
end

local function part(name)
  return function(given) return checked_sender(given)[name] end
end

local function of_sender()
  local found = checked_sender {}
  return merge(without(of_tenant(), "verbose"), of_call(), {
    concurrency = found.concurrency, rate = found.rate, confirm = found.confirm,
    transform = default_among(part "transform", "transform", { {}, { { run = true } } }),
    retry = default_among(part "retry", "retry", { "sap", "none" }),
    breaker = default_among(part "breaker", "breaker", { {}, false, { share = 1 } }),
    message_id = default_among(part "message_id", "message_id", { {}, false, { header = "X" } }),
    in_doubt = default_among(part "in_doubt", "in_doubt", { "hold", "repeat", "reject" }),
  })
end

local function of_retry()
  local found = iflow.retry {}
  local function jitter(given) return iflow.retry(given).jitter end
  local function after(given) return iflow.retry(given).after_max end
  return { first = found.first, factor = found.factor, max = found.max,
    attempts = found.attempts, deadline = found.deadline,
    jitter = default_among(jitter, "jitter", { "full", "equal", "decorrelated", "none" }),
    retry_after = default_among(after, "retry_after", { true, false }) }
end

local function probe_of(name)
  return function() checked_sender { [name] = { [P] = 1 }, api = "api-key.json" } end
end

local function add_senders(list)
  local found = checked_sender { api = "x", confirm = {} }
  local sender = iflow.sender "annotated" { to = "/x", service_key = KEY, token_cache = false }
  local wait = live.variable(require "iflow.sender.enqueuing", "WAIT")
  add(list, "iflow.sender.options", function() checked_sender { [P] = 1 } end, of_sender())
  add(list, "iflow.sender.breaker", probe_of "breaker", found.breaker)
  add(list, "iflow.sender.message_id", probe_of "message_id", found.message_id)
  add(list, "iflow.sender.in_doubt", probe_of "in_doubt", found.in_doubt)
  add(list, "iflow.sender.confirm", probe_of "confirm", found.confirm)
  add(list, "iflow.send_all.options", function() sender:send_all({}, { [P] = 1 }) end)
  add(list, "iflow.enqueue.options", function() sender:enqueue("", { [P] = 1 }) end,
    { wait = wait })
  add(list, "iflow.enqueue_all.options", function() sender:enqueue_all({}, { [P] = 1 }) end)
  add(list, "iflow.retry.options", function() iflow.retry { [P] = 1 } end, of_retry())
  add(list, "iflow.message.fields", function() iflow.message.new { [P] = 1 } end)
  add(list, "iflow.message.change", function() iflow.message.new {}:with { [P] = 1 } end)
end

-- Transforms --------------------------------------------------------------------------------------

local function add_transforms(list)
  for name in process.run({ "ls", "lua/iflow/transform" }).out:gmatch "([%w_]+)%.lua\n" do
    local class = name == "validate" and "iflow.transform.validate.rule"
      or ("iflow.transform.%s.options"):format(name)
    add(list, class, function() iflow.transform[name] { [P] = 1 } end)
  end
  add(list, "iflow.transform.map.convert", function()
    iflow.transform.map { convert = { x = { "integer", [P] = 1 } } }
  end)
  local column = require("iflow.fixed_columns").check({ { "a", 1 } }, nil, 1)[1]
  add(list, "iflow.column", function()
    iflow.transform.fixed_width { columns = { { "a", 1, [P] = 1 } } }
  end, { type = column.type })
end

-- Jobs and triggers -------------------------------------------------------------------------------

local function add_triggers(list)
  local jobs = require "iflow.schedule.definition"
  add(list, "iflow.cron.options", function() jobs.cron("x", { [P] = 1 }, 1) end)
  add(list, "iflow.every.options", function() jobs.every("x", { [P] = 1 }, 1) end)
  add(list, "iflow.files.options", function() iflow.files { "x/*", [P] = 1 } end)
  add(list, "iflow.relay.options", function() iflow.relay { [P] = 1 } end)
  add(list, "iflow.stdin.options", function() iflow.stdin { [P] = 1 } end)
end

-- Service and outbox ------------------------------------------------------------------------------

local function add_outbox(list)
  local text = live.source "bind/outbox"
  local more = set("headers", "content_type", "source", "about")
  local refuse = { path = "" } -- so that nothing is opened
  add(list, "iflow.service.options", function() iflow.service.new { [P] = 1 } end,
    { outbox_options = {} })
  add_c(list, "iflow.outbox.options", merge(live.c_keys(text, "read_options"), set "reserve"),
    live.c_defaults(text, "read_options", "f_open"),
    function(given) iflow.outbox.open(merge(given, refuse)) end)
  add_c(list, "iflow.outbox.entry", merge(live.c_keys(text, "m_enqueue"), more))
  add_c(list, "iflow.outbox.filter", live.c_keys(text, "m_list"), live.c_defaults(text, "m_list"))
  add_c(list, "iflow.outbox.outcome", merge(live.c_keys(text, "read_outcome"), more),
    live.c_defaults(text, "read_outcome"))
end

-- Sandbox -----------------------------------------------------------------------------------------

local function completed_flow(name)
  return function(given)
    return require("iflow.sandbox.flows").complete(merge({ name = "x", address = "/x",
      process = print }, given))[name]
  end
end

local function add_sandbox(list)
  local broker = require "iflow.sandbox.broker.options"
  add(list, "iflow.sandbox.options", function() iflow.sandbox.start { [P] = 1 } end,
    { port = in_file("lua/iflow/sandbox.lua", "opts%.port or (%d+)"), settings = {} })
  add(list, "iflow.sandbox.flow",
    function() require("iflow.sandbox.flows").complete { [P] = 1 } end,
    { role = completed_flow "role" {}, adapter = completed_flow "adapter" {},
      return_exception = completed_flow "return_exception" {},
      stream = completed_flow "stream" {} })
  add(list, "iflow.sandbox.instance.options", function() broker.instance { [P] = 1 } end,
    { plan = in_file("lua/iflow/sandbox/broker.lua", "plan or (\"[%w-]+\")") })
  add(list, "iflow.sandbox.key.options", function() broker.key { [P] = 1 } end,
    { type = in_file("lua/iflow/sandbox/broker/options.lua", "type or (\"%w+\")") })
  add(list, "iflow.all.options", function() iflow.all({}, { [P] = 1 }) end,
    { limit = live.variable(iflow.all, "LIMIT") })
end

-- APIs --------------------------------------------------------------------------------------------

-- How long the end of a job is waited for.
local function wait_of(cf)
  local instances, seen = require "iflow.cf.instances", nil
  local before = instances.delete
  local _ <close> = setmetatable({}, { __close = function() instances.delete = before end })
  instances.delete = function(_, _, job) seen = job.timeout end
  cf:delete_instance "x"
  return seen
end

local function add_cf(list)
  local cf = assert(iflow.cf { api = "https://api.example", token = "t" })
  local wait = wait_of(cf)
  add(list, "iflow.cf.options", function() iflow.cf { [P] = 1 } end, { service = cf.service })
  add(list, "iflow.cf.instances.options", function() cf:instances { [P] = 1 } end)
  add(list, "iflow.cf.keys.options", function() cf:keys("x", { [P] = 1 }) end)
  add(list, "iflow.cf.create_instance.options", function() cf:create_instance { [P] = 1 } end,
    { wait = wait, plan = live.variable(require "iflow.cf.instances", "DEFAULT_PLAN") })
  add(list, "iflow.cf.update_instance.options", function() cf:update_instance { [P] = 1 } end,
    { wait = wait })
  add(list, "iflow.cf.job.options", function() cf:delete_instance("x", { [P] = 1 }) end,
    { wait = wait })
  add(list, "iflow.cf.create_key.options", function() cf:create_key { [P] = 1 } end,
    { wait = wait, type = in_file("lua/iflow/cf/parameters.lua", "type or (\"%w+\")") })
  add(list, "iflow.cf.rotate_key.options", function() cf:rotate_key { [P] = 1 } end,
    { wait = wait, grace = in_file("lua/iflow/cf/rotate.lua", "GRACE = (\"%w+\")") })
end

local function policy_of(given)
  local api <close> = assert(iflow.odata(merge({ service_key = KEY, token_cache = false }, given)))
  return api.policy
end

local function add_apis(list)
  local of_key = { service_key = KEY, token_cache = false }
  local odata <close> = assert(iflow.odata(of_key))
  local api <close> = assert(iflow.tenant_api(of_key))
  local keys = live.checked(function() iflow.odata { service_key = KEY, [P] = 1 } end, "odata")
  add_c(list, "iflow.odata.options", merge(keys, set "retry"),
    merge(of_tenant(), { retry = default_among(policy_of, "retry", { "sap", "none" }) }))
  add(list, "iflow.odata.query", function() odata:list("X", { [P] = 1 }) end)
  add(list, "iflow.odata.send.options", function() odata:send("POST", "X", { [P] = 1 }) end)
  add(list, "iflow.tenant_api.endpoints.options", function() api:endpoints { [P] = 1 } end)
  add(list, "iflow.tenant_api.logs.options", function() api:logs { [P] = 1 } end,
    { limit = live.variable(iflow.tenant_api, "LIMIT") })
  add(list, "iflow.tenant_api.artifacts.options", function() api:artifacts { [P] = 1 } end)
end

-- Certificates ------------------------------------------------------------------------------------

local function add_certificates(list)
  local cert, probe = iflow.cert, live.source "bind/probe"
  local text = live.source "bind/cert"
  add_c(list, "iflow.cert.read.options", live.c_keys(text, "new_reading"),
    live.c_defaults(text, "f_parse"), function(given) cert.read("missing", given) end)
  add_c(list, "iflow.cert.verify.options", live.c_keys(text, "f_verify"), {},
    function(given) cert.verify({}, {}, given) end)
  add_c(list, "iflow.cert.reach.options", live.c_keys(text, "f_reach"), {},
    function(given) cert.reach({}, given) end)
  add(list, "iflow.cert.request.options", function() cert.request { [P] = 1 } end,
    { type = in_file("lua/iflow/cert.lua", "type or (\"%w+\")") })
  add(list, "iflow.cert.check.options", function() cert.check { [P] = 1 } end)
  add(list, "iflow.cert.authorities.options", function() cert.authorities { [P] = 1 } end)
  add_c(list, "iflow.cert.fetch.options", merge(live.c_keys(probe, "f_tls"),
    set("roots", "directory")), live.c_defaults(probe, "read_options"),
    function(given) cert.fetch(merge({ host = "" }, given)) end)
end

-- Formats -----------------------------------------------------------------------------------------

-- What JSON makes of a text that only some words allow.
local function decoded(text)
  return function(given)
    local value, err = iflow.json.decode(text, given)
    return { value, err and err.code }
  end
end

local function add_formats(list)
  local json, xml = live.source "bind/json", live.source "bind/xml"
  add_c(list, "iflow.json.decode.options", live.c_keys(json, "f_decode"),
    merge(live.c_defaults(json, "f_decode", "opt_depth"), {
      numbers = default_among(decoded "[12345678901234567890123]", "numbers",
        { "exact", "string", "float" }),
      duplicates = default_among(decoded '{"a":1,"a":2}', "duplicates",
        { "error", "first", "last" }),
    }), function(given) iflow.json.decode("1", given) end)
  add_c(list, "iflow.json.encode.options", live.c_keys(json, "f_encode"),
    live.c_defaults(json, "f_encode", "opt_depth"), function(given) iflow.json.encode(1, given) end)
  local keys, defaults = live.c_keys(xml, "new_reader"), live.c_defaults(xml, "new_reader")
  add_c(list, "iflow.xml.reader.options", keys, defaults, iflow.xml.reader)
  add_c(list, "iflow.xml.decode.options", without(keys, "each"), defaults,
    function(given) iflow.xml.decode("<a/>", given) end)
  add_c(list, "iflow.transform.to_xml.options", live.c_keys(xml, "ifl_xml_encode"),
    live.c_defaults(xml, "ifl_xml_encode", "encode_document"),
    function(given) iflow.xml.encode({}, given) end)
end

--- All rows. Most options are looked at inside of a task, since what takes them waits.
function options.rows()
  local before <close> = setmetatable({ registry.install(registry.new()) },
    { __close = function(self) registry.install(self[1]) end })
  assert(before)
  local list = {}
  iflow.run(function()
    for _, add_some in ipairs { add_tenants, add_senders, add_transforms, add_triggers, add_outbox,
      add_sandbox, add_cf, add_apis, add_certificates, add_formats } do add_some(list) end
  end)
  return list
end

return options
