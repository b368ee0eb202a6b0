-- What the module gives has the fields that the annotations for editors (lua/iflow/meta) describe:
-- all that is there is described, and all that is not optional is there.
local annotations = require "scripts.package.annotations"
local check = require "spec.support.annotation_check"
local core = require "iflow.core"
local iflow = require "iflow"
local process = require "spec.support.process"
local registry = require "iflow.registry"
local support = require "spec.support.sandbox"

local NAMES = { "token", "answer", "error", "check.report", "check.step", "summary", "enqueued",
  "enqueue_summary", "message", "job.run", "file", "outbox.message", "outbox.counts",
  "service.status", "certificate", "cert.info", "message_log.entry", "tenant_api.endpoint",
  "tenant_api.artifact", "tenant_api.log", "sandbox.fault", "cf.instance", "cf.key",
  "sender.in_doubt", "trace", "verdict" }

-- A value of each class: name of the class -> value.
local seen = {}

local function calls(sb, options)
  local tenant <close> = assert(iflow.tenant(options))
  seen.token = assert(tenant:token())
  seen.answer = assert(tenant:call { to = "/http/echo", body = "{}" })
  seen.error = select(2, tenant:call { to = "/http/none", body = "{}" })
  seen["check.report"] = tenant:check { to = "/http/echo" }
  seen["check.step"] = seen["check.report"].steps[1]
  seen["sandbox.fault"] = assert(sb:fault "runtime:503@first=1")
end

local function define(options, dir)
  iflow.sender "echo" {
    service_key = options.service_key, cacert = options.cacert, proxy = "", token_cache = false,
    to = "/http/echo", on_delivered = function(message) seen.message = message end,
    transform = { iflow.transform.to_json {} },
  }
  iflow.files { dir:file "in/*.txt", done = dir:file "done", failed = dir:file "failed",
    settle = 0, run = function(file) seen.file = file end }
  iflow.every "tick" { interval = "1d", run = function(job) seen["job.run"] = job end }:run()
end

local function sending(dir)
  local service <close> = assert(iflow.service.new { outbox = dir:file "box.db" })
  local sender = iflow.sender "echo"
  seen.summary = assert(sender:send_all { { a = 1 }, { a = 2 } })
  assert(service:start())
  seen.enqueued = assert(sender:enqueue { a = 3 })
  seen.enqueue_summary = assert(sender:enqueue_all { { a = 4 } })
  assert(service:wait("echo", seen.enqueued.id, 60))
  local ends = core.task.monotonic() + 60
  while not seen.file and core.task.monotonic() < ends do core.task.sleep(0.01) end
  seen["service.status"] = service:status()
  seen["outbox.counts"] = assert(service.box:counts())
  seen["outbox.message"] = assert(service.box:show(1))
end

local function certificates(sb)
  seen["cert.info"] = assert(iflow.cert.parse(support.foreign_identity(sb).chain))
  seen.certificate = seen["cert.info"].certificates[1]
end

local function apis(sb)
  local document = support.key(sb, "secret", { plan = "api", roles = { "MonitoringDataRead" } })
  local options = { service_key = document, cacert = sb.endpoints.cacert, proxy = "",
    token_cache = false }
  local log <close> = assert(iflow.message_log(options))
  local api <close> = assert(iflow.tenant_api(options))
  local id = seen.answer.message_id
  seen["message_log.entry"] = assert(log:find(id))
  seen["tenant_api.log"] = assert(api:log(id))
  seen["tenant_api.endpoint"] = assert(api:endpoints())[1]
  seen["tenant_api.artifact"] = assert(api:artifacts())[1]
end

local function platform(sb)
  local logon = assert(core.json.decode(core.file.read(sb.dir .. "/cf.json")))
  local cf = assert(iflow.cf { api = logon.api, cacert = sb.endpoints.cacert, proxy = "",
    user = logon.user, password = logon.password })
  seen["cf.instance"] = assert(cf:instances { keys = true })[1]
  seen["cf.key"] = assert(cf:keys(seen["cf.instance"].name, { details = true }))[1]
end

local function look()
  local dir <close> = process.tempdir()
  local sb <close> = support.start()
  assert(core.file.mkdir(dir:file "in"))
  dir:write("in/a.txt", "x")
  support.echo(sb, { address = "/echo", csrf = false })
  local document = support.key(sb, "secret", { roles = { "ESBMessaging.send" } })
  local options = { service_key = document, cacert = sb.endpoints.cacert, proxy = "",
    token_cache = false }
  calls(sb, options)
  sb:clear_faults()
  define(options, dir)
  sending(dir)
  certificates(sb)
  apis(sb)
  platform(sb)
  seen["sender.in_doubt"] = iflow.sender "echo".options.in_doubt
  seen.trace, seen.verdict = iflow.trace.make(), iflow.retry_after "5s"
end

describe("values of the module", function()
  lazy_setup(function()
    local before <close> = setmetatable({ registry.install(registry.new()) },
      { __close = function(self) registry.install(self[1]) end })
    assert(before)
    iflow.run(look)
  end)

  local docs = annotations.read "lua/iflow/meta"

  for _, name in ipairs(NAMES) do
    it("are described: iflow." .. name, function()
      local problems = {}
      assert.is_table(seen[name])
      check.value(docs, "iflow." .. name, seen[name], problems)
      assert.same({}, problems)
    end)
  end
end)
