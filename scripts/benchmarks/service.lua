-- How many messages a second go through a service: accepted on disk, delivered to a tenant in a
-- process of its own, acknowledged on disk.
--   lua5.4 scripts/benchmarks/service.lua [DIRECTORY [MESSAGES]]      a temporary directory, 10000
local core = require "iflow.core"
local iflow = require "iflow"
local new_exposition = require "iflow.service.exposition"
local new_ui = require "iflow.service.ui"
local registry = require "iflow.registry"

local BODY = ("0123456789abcdef"):rep(64) -- 1 KiB

-- The tenant: `lua5.4 service.lua tenant FILE` writes its port there, and answers until its
-- directory is gone.
local function tenant(path)
  local token = core.json.encode { access_token = "t", token_type = "bearer", expires_in = 3599 }
  local server = assert(core.server.new { request = function(req)
    req:body()
    if req.target:find "^/oauth/token" then
      return req:answer(200, { ["Content-Type"] = "application/json" }, token)
    end
    return req:answer(200, {}, "")
  end })
  assert(core.file.write(path, tostring(server:port())))
  while core.file.stat(path) do iflow.sleep(0.2) end
  server:close(0)
end

local function start_tenant(directory)
  local path = directory .. "/port"
  os.remove(path)
  assert(os.execute(("%s %s tenant %s >/dev/null &"):format(arg[-1], arg[0], path)))
  while not core.file.stat(path) do iflow.sleep(0.02) end
  return "http://127.0.0.1:" .. assert(core.file.read(path)), path
end

local function measure(what, messages, fn)
  local began, cpu = core.task.monotonic(), os.clock()
  fn()
  local took = core.task.monotonic() - began
  print(("%-46s %8d messages %6.2f s %8.0f messages/s, %3.0f us of the processor each"):format(what,
    messages, took, messages / took, (os.clock() - cpu) / messages * 1e6))
end

local function numbers(count)
  return function()
    count = count - 1
    return count >= 0 and BODY or nil
  end
end

local function sender_of(url, options)
  options.service_key = { oauth = { clientid = "sb-1!b2|it-rt-acme!b3", clientsecret = "s3cret",
    url = url, tokenurl = url .. "/oauth/token", createdate = "2026-05-04T08:00:00.000Z" } }
  options.to, options.token_cache, options.proxy = "/http/orders", false, ""
  return iflow.sender "orders" (options)
end

-- The operator's page, and somebody who looks at it: a function that ends it.
local function open_page(service, outbox)
  local exposition = new_exposition(service)
  local ui = assert(new_ui { service = service, outbox = outbox, port = 0,
    exposition = exposition })
  local function get(path, cookie)
    return assert(core.http.request { url = "http://" .. ui:address() .. path, proxy = "",
      headers = { Cookie = cookie } })
  end
  local cookie = get("/sign-in?token=" .. ui.access.token).headers["set-cookie"]:match "^[^;]+"
  local looking = core.task.spawn(function()
    while true do
      assert(get("/", cookie).status == 200)
      core.task.sleep(3)
    end
  end)
  return function()
    looking:cancel()
    ui:close()
    exposition:close()
  end
end

-- options: of the sender. page: whether somebody looks at the operator's page meanwhile.
local function bench(directory, url, messages, name, options, page)
  registry.install(registry.new())
  local path = ("%s/service-%s.db"):format(directory, name:gsub("%W", "-"))
  local orders = sender_of(url, options)
  local service <close> = assert(iflow.service.new { outbox = path })
  print(name)
  local close_page = page and open_page(service, path)
  measure("enqueue", messages, function() assert(orders:enqueue_all(numbers(messages))) end)
  measure("deliver", messages, function()
    service:start_pumps()
    assert(service:drain "1h")
  end)
  measure("enqueue and deliver", messages, function()
    assert(orders:enqueue_all(numbers(messages)))
    assert(service:drain "1h")
  end)
  assert(service.box:counts().delivered == 2 * messages)
  if close_page then close_page() end
end

if arg[1] == "tenant" then return core.task.run(tenant, arg[2]) end

core.task.run(function(directory, messages)
  core.log.level "error"
  local path = directory or assert(core.file.tempdir "iflow-bench-")
  local url, port_file = start_tenant(path)
  bench(path, url, messages, "8 at once, idempotent", { idempotent = true })
  bench(path, url, messages, "8 at once, with the page", { idempotent = true }, true)
  bench(path, url, messages, "8 at once", {})
  bench(path, url, messages, "32 at once", { concurrency = 32 })
  local number = 0
  bench(path, url, messages, "32 at once, with 1000 keys", { concurrency = 32,
    order_by = function()
      number = number + 1
      return number % 1000
    end })
  os.remove(port_file)
  if not directory then core.file.remove(path, { recursive = true }) end
end, arg[1], math.tointeger(tonumber(arg[2])) or 10000)
