-- The operator's page in headless Chromium: a real service over the sandbox, used as an operator
-- does. What its server answers, without a browser: spec/system/ui_spec.lua.
-- IFLOW_SCREENSHOTS=DIR keeps a picture of each page.
local assert = require "luassert"
local async = require "spec.support.async"
local chromium = require "spec.support.browser"
local core = require "iflow.core"
local outbox = require "iflow.outbox"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local PAGES = { "/", "/messages", "/schedule", "/credentials", "/log" }
local HOSTILE = [[</textarea></pre><script>document.title = "broken"</script><img src=x onerror=]]
  .. [["document.title = 'broken'">]]

local SCRIPT = [[
local iflow = require "iflow"
local function sender(name, options)
  options.service_key, options.cacert, options.token_cache = "key.json", %q, false
  options.to = options.to or "/http/orders"
  iflow.sender(name)(options)
end
sender("orders", { idempotent = true,
  retry = iflow.retry { first = "100ms", max = "1s", attempts = 3, jitter = "none" } })
iflow.relay { listen = "127.0.0.1:%d", path = "/orders", sender = "orders" }
iflow.cron "nightly" { at = "30 2 * * *", zone = "Europe/Berlin", run = function() end }
iflow.every "poll" { interval = "15m", run = function() end }
]]

local site = {} -- a sandbox with the flow "orders", a service that sends to it, and its page
site.__index = site

-- The flow: what says "refuse" fails, with that very text; what else arrives is kept.
local function deploy(self)
  assert(self.sb:deploy { name = "orders", address = "/orders", csrf = false,
    allowed_headers = "SAP_*", process = function(exchange)
      if exchange.body:find "refuse" then error("cannot read " .. exchange.body, 0) end
      self.arrived[#self.arrived + 1] = exchange.body
      return 200, {}, "ok"
    end })
end

-- options: words (more of the command line), store (function(box): what is in the outbox before).
local function open_site(options)
  local self = setmetatable({ dir = process.tempdir(), arrived = {} }, site)
  self.sb = sandbox.start()
  deploy(self)
  self.dir:write("key.json", assert(core.json.encode((sandbox.key(self.sb, "secret",
    { roles = { "ESBMessaging.send" } })))))
  self.relay_port = process.free_port()
  self.dir:write("orders.lua", SCRIPT:format(self.sb.endpoints.cacert, self.relay_port))
  if options.store then
    local box <close> = assert(outbox.open { path = self.dir:file "outbox.db" })
    options.store(box)
  end
  self.service = process.start { process.iflow, "serve", "orders.lua", "--ui", "127.0.0.1:0",
    "--outbox", "outbox.db", dir = self.dir.path }
  self.ui = process.wait_for("the page", function()
    if not self.service:alive() then error(self.service:output(), 0) end
    return core.json.decode(self.dir:read "outbox.db-ui" or "")
  end)
  process.wait_port(self.relay_port, self.service)
  return self
end

function site:__close()
  self.service:stop()
  self.sb:close()
  self.dir:close()
end

--- Hands a message to the service.
function site:post(body, id)
  local answer = assert(core.http.request { proxy = "", method = "POST", body = body,
    url = ("http://127.0.0.1:%d/orders"):format(self.relay_port),
    headers = { ["Content-Type"] = "text/plain", ["SAP_ApplicationID"] = id } })
  assert.equal(2, answer.status // 100, answer.body)
end

function site:page(path) return "http://" .. self.ui.address .. path end

function site:has_arrived(body)
  process.wait_for("the message at the tenant", function()
    for _, one in ipairs(self.arrived) do
      if one == body then return true end
    end
  end)
end

-- In the browser ---------------------------------------------------------------------------------

local browser

-- Each spec begins signed in, in a wide, light window.
local function with_site(body, options)
  return async(function()
    options = options or {}
    local self <close> = open_site(options)
    browser:viewport(options.viewport or {})
    browser:errors()
    if not options.signed_out then browser:open(self.ui.url) end
    body(self)
    if not options.provokes then assert.same({}, browser:errors()) end
  end)
end

-- Waits until the list has a message of that state: its page.
local function message_page(self, state)
  local row = browser:wait_for("a message that is " .. state, function()
    browser:open(self:page("/messages?state=" .. state))
    return browser:all "tr[data-message]"[1]
  end)
  return self:page("/messages/" .. row:attribute "data-message")
end

local function action(name) return browser:find(("form[data-action=%s]"):format(name)) end

local function states_of(self)
  local list = {}
  for _, entry in ipairs(self.sb.tenant.log:list()) do list[#list + 1] = entry.status end
  table.sort(list)
  return list
end

local function refused(box)
  assert(box:enqueue { sender = "orders", id = "PO-1", body = "one", headers = {} })
  assert(box:rejected(box:claim("orders", 1)[1], { code = "call.rejected", status = 500 }))
end

-- Text that would be a script, wherever text can be.
local function hostile(box)
  assert(box:enqueue { sender = "orders", id = HOSTILE, key = HOSTILE, body = HOSTILE,
    content_type = "text/html", headers = { Hostile = HOSTILE }, source = { file = HOSTILE } })
  assert(box:rejected(box:claim("orders", 1)[1], { code = "call.rejected", error = HOSTILE,
    status = 500, message_id = HOSTILE }))
end

describe("the operator's page", function()
  setup(function() browser = chromium.start() end)
  teardown(function() browser:close() end)

  it("shows a rejected message, which is edited, retried and delivered", with_site(function(self)
    self:post("please refuse", "PO-1")
    browser:open(message_page(self, "rejected"))
    assert.equal("please refuse", browser:find "textarea[name=body]":property "value")
    browser:screenshot "message"
    browser:find "textarea[name=body]":type "please accept"
    action "edit":submit()
    self:has_arrived "please accept"
    browser:open(message_page(self, "delivered"))
    assert.same({ "COMPLETED", "FAILED" }, states_of(self))
  end))

  it("retries and drops", with_site(function(self)
    browser:open(message_page(self, "rejected"))
    action "retry":submit()
    self:has_arrived "one"
    self:post("please refuse", "PO-2")
    browser:open(message_page(self, "rejected"))
    action "drop":find "summary":click()
    action "drop":submit()
    browser:open(self:page "/messages?state=rejected")
    assert.equal(0, #browser:all "tr[data-message]")
  end, { store = refused }))

  it("lets in who has the token, and nobody else", with_site(function(self)
    browser:open(self:page "/messages")
    browser:wait_for_page "sign-in"
    browser:find "input[name=token]":type "a wrong token"
    browser:find "form":submit()
    browser:wait_for("what is wrong", "body[data-page=sign-in] [role=alert]")
    browser:screenshot "sign-in"
    browser:find "input[name=token]":type(self.ui.token)
    browser:find "form":submit()
    browser:wait_for_page "overview"
    browser:open(self:page "/messages")
    browser:wait_for_page "messages"
    assert.is_nil(browser:url():find(self.ui.token, 1, true))
    for _, entry in ipairs(browser:errors()) do assert.equal("network", entry.source) end
  end, { signed_out = true, provokes = true }))

  it("runs nothing of what a message says", with_site(function(self)
    browser:open(message_page(self, "rejected"))
    assert.equal(HOSTILE, browser:find "textarea[name=body]":property "value")
    browser:screenshot "hostile"
    for _, path in ipairs { "/", "/messages", "/log", (browser:url():gsub("^http://[^/]+", "")) } do
      browser:open(self:page(path))
      assert.is_not.equal("broken", browser:title())
      assert.equal(0, #browser:all "main img, main script")
    end
  end, { store = hostile }))

  it("refuses the scripts of others", with_site(function(self)
    browser:open(self:page "/")
    browser:run [[const script = document.createElement("script")
      script.textContent = "document.title = 'broken'"
      document.body.append(script)]]
    assert.is_not.equal("broken", browser:title())
    assert.equal(1, #browser:violations())
  end, { provokes = true }))

  it("shows by itself what arrives", with_site(function(self)
    browser:open(self:page "/messages")
    browser:run "window.same = true"
    self:post("please refuse", "PO-3")
    browser:wait_for("the message", "tr[data-message]")
    assert.is_true(browser:run "return window.same")
  end))

  it("shows the log as it is written", with_site(function(self)
    browser:open(self:page "/log")
    self:post("hello", "PO-live")
    browser:wait_for("the line", function()
      return browser:find "main":text():find("PO-live", 1, true)
    end)
    browser:screenshot "log"
  end))

  it("works without JavaScript", with_site(function(self)
    browser:open(message_page(self, "rejected"))
    browser:find "textarea[name=body]":type "two"
    action "edit":submit()
    self:has_arrived "two"
    for _, path in ipairs(PAGES) do
      browser:open(self:page(path))
      assert.is_truthy(browser:find "main":text():find "%w")
    end
  end, { store = refused, viewport = { javascript = false } }))

  it("fits on a phone, in light and in dark", with_site(function(self)
    local paths = table.move(PAGES, 1, #PAGES, 1, {})
    paths[#paths + 1] = message_page(self, "rejected"):gsub("^http://[^/]+", "")
    local seen = {}
    for _, dark in ipairs { false, true } do
      for i, path in ipairs(paths) do
        browser:viewport { width = 375, dark = dark }
        browser:open(self:page(path))
        local width = browser:run "return document.documentElement.scrollWidth"
        assert.is_true(width <= 375, ("%s: %d"):format(path, width))
        seen[dark] = browser:run "return getComputedStyle(document.body).backgroundColor"
        browser:screenshot(("phone-%d%s"):format(i, dark and "-dark" or ""))
        browser:viewport { dark = dark }
        browser:screenshot(("wide-%d%s"):format(i, dark and "-dark" or ""))
      end
    end
    assert.is_not.equal(seen[false], seen[true])
  end, { store = hostile }))
end)
