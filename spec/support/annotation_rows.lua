-- annotation_rows.lua -- which class of lua/iflow/meta says what of the loaded module: functions,
-- and what is no part of the public face. For spec/meta/annotations_spec.lua.
local core = require "iflow.core"
local iflow = require "iflow"
local live = require "spec.support.live_module"
local options = require "spec.support.annotation_options"
local process = require "spec.support.process"
local registry = require "iflow.registry"

local rows = { options = options.rows, base = options.base }

local function set(list)
  local found = {}
  for _, name in ipairs(list or {}) do found[name] = true end
  return found
end

--- The names of the module: what lua/iflow.lua lists, args and version.
function rows.public_names()
  local load_name = select(2, debug.getupvalue(getmetatable(iflow).__index, 1))
  local names = { args = true, version = true }
  for i = 1, 255 do
    local name, value = debug.getupvalue(load_name, i)
    if not name then break end
    if ({ functions = true, submodules = true, modules = true, words = true })[name] then
      for public in pairs(value) do names[public] = true end
    end
  end
  return names
end

-- Functions of Lua --------------------------------------------------------------------------------

-- The functions of a table: name -> { params = … }; those of C are left to their row.
local function of_table(values, skip, internal)
  local found, hidden = {}, set(internal)
  for name, fn in next, values do
    if type(name) == "string" and type(fn) == "function" and not name:find "^__" then
      if hidden[name] then hidden[name] = nil
      elseif not live.is_internal(fn) then found[name] = { params = live.params(fn, skip) } end
    end
  end
  assert(next(hidden) == nil, tostring(next(hidden)) .. " is called internal and does not exist")
  return found
end

-- Class, module of the file, local variable that holds the methods, and which are for other files
-- of the module alone; so are those whose comment has the word Internal.
local METHODS = {
  { "iflow.tenant", "tenant", "tenant" },
  { "iflow.sender", "sender", "sender" },
  { "iflow.summary", "sender.summary", "summary", { "count", "values", "finish" } },
  { "iflow.enqueue_summary", "sender.enqueue_summary", "summary", { "finish" } },
  { "iflow.retry", "retry", "policy" },
  { "iflow.message", "message", "message" },
  { "iflow.job", "schedule.job", "job" },
  { "iflow.channel", "channel", "channel" },
  { "iflow.semaphore", "semaphore", "semaphore" },
  { "iflow.permit", "semaphore", "permit" },
  { "iflow.service", "service", "service", { "changed", "replace", "tell", "wake" } },
  { "iflow.service.waiter", "service.expected", "waiter" },
  { "iflow.outbox", "outbox", "box" },
  { "iflow.test", "test.context", "context" },
  { "iflow.test.clock", "test.clock", "virtual", { "close" } },
  { "iflow.sandbox.exchange", "sandbox.runtime.exchange", "exchange", { "new" } },
  { "iflow.message_log", "message_log", "log" },
  { "iflow.tenant_api", "tenant_api", "api" },
  { "iflow.odata", "odata", "api" },
  { "iflow.cf", "cf", "cf" },
}

-- Class, value of the module, and what is internal.
local MODULES = {
  { "iflow.error.module", "error", { "limit" } },
  { "iflow.message.module", "message" },
  { "iflow.trace.module", "trace", { "begin", "put" } },
  { "iflow.outbox.module", "outbox" },
  { "iflow.service.module", "service" },
  { "iflow.message_log.module", "message_log" },
  { "iflow.odata.module", "odata" },
  { "iflow.sandbox.module", "sandbox" },
}

-- Modules that are called, and nothing else; what else is in them is internal.
local CALLED = {
  tenant = {}, retry = { "is_connect", "is_timeout", "of" }, tenant_api = {},
}

local function add_lua(list)
  for _, row in ipairs(METHODS) do
    local module = require("iflow." .. row[2])
    local methods = live.variable(module, row[3])
    list[#list + 1] = { class = row[1], found = of_table(methods, 1, row[4]) }
  end
  for _, row in ipairs(MODULES) do
    list[#list + 1] = { class = row[1], found = of_table(iflow[row[2]], 0, row[3]) }
  end
  for name, internal in pairs(CALLED) do
    assert(next(of_table(iflow[name], 0, internal)) == nil, name)
  end
end

-- Names of the Lua files in a folder below lua/iflow.
local function names_in(folder)
  local names = {}
  for name in process.run({ "ls", "lua/iflow/" .. folder }).out:gmatch "([%w_]+)%.lua\n" do
    names[#names + 1] = name
  end
  return names
end

local function add_files(list)
  local transforms, operations = {}, of_table(live.variable(iflow.sandbox, "methods"), 1)
  for _, name in ipairs(names_in "transform") do
    transforms[name] = { params = live.params(iflow.transform[name], 0) }
  end
  for _, name in ipairs(names_in "sandbox/operation") do
    operations[name] = { params = live.params(require("iflow.sandbox.operation." .. name), 1) }
  end
  list[#list + 1] = { class = "iflow.transform", found = transforms }
  list[#list + 1] = { class = "iflow.sandbox", found = operations }
end

-- The module itself: functions, and modules that are called.
local function add_module(list, described)
  local found = {}
  for name in pairs(described) do
    local value = iflow[name]
    local call = type(value) == "table" and (getmetatable(value) or {}).__call
    local fn = type(value) == "function" and value or CALLED[name] and call or nil
    if fn then found[name] = { params = live.params(fn, fn == call and 1 or 0) } end
  end
  local _, heads = live.source "bind/task_class"
  for name, fn in pairs(found) do
    if not fn.params then fn.c_params = live.c_params(heads, name) or false end
  end
  list[#list + 1] = { class = "iflow", found = found }
end

-- Functions of C ----------------------------------------------------------------------------------

-- Class, its functions, files of src/bind with their comments, and what is internal.
local function c_rows()
  return {
    { "iflow.task", live.class "iflow.task", "task_class" },
    { "iflow.json", core.json, "json" },
    { "iflow.xml", core.xml, "xml" },
    { "iflow.xml_reader", live.class "iflow.xml_reader", "xml" },
    { "iflow.secret.module", core.secret, "secret" },
    { "iflow.secret", live.class "iflow.secret", "secret" },
    { "iflow.log", core.log, "log" },
    { "iflow.log_ring", live.class "iflow.log_ring", "log_ring" },
    { "iflow.service_key.module", core.service_key, "service_key" },
    { "iflow.service_key", live.class "iflow.service_key", "service_key" },
    { "iflow.identity.module", core.identity, "identity" },
    { "iflow.identity", live.class "iflow.identity", "identity" },
  }
end

-- In place of what is unknown of functions of C: what the comments of these files say.
local function fill(found, prefix)
  local _, heads = live.source("bind/" .. prefix)
  for name, fn in pairs(found) do
    if not fn.params then fn.c_params = live.c_params(heads, name) or false end
  end
  return found
end

local function add_c(list)
  for _, row in ipairs(c_rows()) do
    list[#list + 1] = { class = row[1], found = fill(of_table(row[2], 0), row[3]) }
  end
  local cert = of_table(core.cert, 0)
  for name, fn in pairs(of_table(iflow.cert, 0)) do cert[name] = cert[name] or fn end
  for name in pairs(live.variable(iflow.cert, "parts")) do
    cert[name] = { params = live.params(iflow.cert[name], 0) }
  end
  fill(cert, "cert")
  list[#list + 1] = { class = "iflow.cert", found = cert }
  for _, row in ipairs(list) do
    if row.class == "iflow.error.module" then fill(row.found, "error") end
  end
end

-- Defaults of parameters --------------------------------------------------------------------------

-- What a job is told when nobody says otherwise.
local function job_run()
  local before, told = registry.install(registry.new()), nil
  local _ <close> = setmetatable({}, { __close = function() registry.install(before) end })
  iflow.every "annotated" { interval = 1, run = function(run) told = run end }:run()
  return told
end

--- "class name parameter" -> value.
function rows.param_defaults()
  local service, run = iflow.service, job_run()
  local wait = live.variable(require "iflow.service.expected", "TIMEOUT")
  local outbox, task = live.source "bind/outbox", live.source "bind/task"
  return {
    ["iflow step timeout"] = tonumber(task:match "ifl_task_step.-isnoneornil%(L, 1%) %? (%d+)"),
    ["iflow channel capacity"] = iflow.channel().capacity,
    ["iflow.error.module wrap code"] = iflow.error.wrap("text").code,
    ["iflow.message text limit"] = live.variable(iflow.message, "TEXT_MAX"),
    ["iflow.message about code"] = iflow.message.new({}):about("text").code,
    ["iflow.job run missed"] = run.missed,
    ["iflow.job run attempt"] = run.attempt,
    ["iflow.service stop grace"] = live.variable(service, "GRACE"),
    ["iflow.service drain limit"] = live.variable(service, "LIMIT"),
    ["iflow.service wait timeout"] = wait,
    ["iflow.service.waiter wait timeout"] = wait,
    ["iflow.outbox claim max"] = tonumber(outbox:match "m_claim%(.-optinteger%(L, 3, (%d+)%)"),
  }
end

--- { class =, found = name -> parameters } of all of them.
function rows.functions()
  local list = {}
  add_lua(list)
  add_files(list)
  add_module(list, rows.public_names())
  add_c(list)
  return list
end

return rows
