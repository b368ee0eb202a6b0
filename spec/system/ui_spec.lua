-- The operator's page over HTTP: who is let in, what the forms do, what the pages say. In a
-- browser: spec/system/ui_browser_spec.lua.
local assert = require "luassert"
local async = require "spec.support.async"
local core = require "iflow.core"
local form = require "iflow.service.ui.form"
local process = require "spec.support.process"
local raw = require "spec.support.raw_client"
local serve = require "spec.support.serve"

local HOSTILE = [[</textarea></pre><script>alert(1)</script><img src=x onerror="alert('1')">&amp;]]
local SCRIPT = serve.SENDER .. [[
iflow.cron "nightly" { at = "30 2 * * *", zone = "Europe/Berlin", run = function() end }
iflow.every "poll" { interval = "15m", run = function() end }
]]

local PATHS = { "/", "/messages", "/messages/1", "/schedule", "/credentials", "/log" }
local HOSTS = [[
for host in b"evil.example evil.example:PORT 127.0.0.1 127.0.0.1:1 127.0.0.1:PORT".split():
    print(statuses(ask(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")))
]]

-- A browser without a picture ---------------------------------------------------------------------

local visitor = {}
visitor.__index = visitor

local function new_visitor(service)
  local address = service.started.ui
  local ui = assert(core.json.decode(service.place.dir:read "outbox.db-ui"))
  assert.equal(address, ui.address)
  return setmetatable({ address = address, ui = ui, origin = "http://" .. address,
    port = tonumber(address:match "%d+$") }, visitor)
end

function visitor:ask(method, path, fields, headers)
  local all = { Cookie = self.cookie, Origin = method == "POST" and self.origin or nil }
  if fields then all["Content-Type"] = "application/x-www-form-urlencoded" end
  for name, value in pairs(headers or {}) do all[name] = value or nil end
  local body = type(fields) == "table" and form.query(fields):sub(2) or fields
  return assert(core.http.request { method = method, url = "http://" .. self.address .. path,
    headers = all, body = body, proxy = "" })
end

function visitor:sign_in()
  local answer = self:ask("POST", "/sign-in", { token = self.ui.token })
  assert.equal(303, answer.status)
  self.cookie = answer.headers["set-cookie"]:match "^[^;]+"
  return self
end

function visitor:get(path)
  local answer = self:ask("GET", path)
  return answer.body, answer.status
end

function visitor:page_name(path) return (self:get(path)):match 'data%-page="([^"]*)"' end

-- What a form of a page holds.
function visitor:fields(path, action)
  local text = assert((self:get(path)):match(('data%%-action="%s">(.-)</form>')
    :format((action:gsub("%-", "%%-")))), "no form " .. action)
  local fields = {}
  for name, value in text:gmatch 'type="hidden"%s+name="([^"]*)"%s+value="([^"]*)"' do
    fields[name] = value
  end
  return fields
end

--- Sends a form of a message as its page has it, with more fields.
function visitor:act(number, action, more)
  local path = "/messages/" .. number
  local fields = self:fields(path, action)
  for name, value in pairs(more or {}) do fields[name] = value end
  return self:ask("POST", ("%s/%s"):format(path, action), fields)
end

-- Services ----------------------------------------------------------------------------------------

-- fn(visitor, service, place). options: store(box), script, runtime.
local function with_page(fn, options)
  return async(function()
    options = options or {}
    local place <close> = serve.place { runtime = options.runtime }
    if options.store then place:with_box(options.store) end
    place:script("orders.lua", options.script or SCRIPT)
    local service <close> = place:serve("orders.lua", "--ui", "127.0.0.1:0")
    fn(new_visitor(service), service, place)
  end)
end

local function store(box, message)
  message.sender, message.headers = message.sender or "orders", message.headers or {}
  assert(box:enqueue(message))
  return box:claim(message.sender, 1)[1]
end

local function rejected(box, message, outcome)
  local claimed = store(box, message)
  assert(box:rejected(claimed, outcome or { code = "call.rejected", status = 500 }))
end

local function one_rejected(box) rejected(box, { id = "PO-1", body = "one" }) end

local function one_in_doubt(box)
  local claimed = store(box, { id = "PO-1", body = "one" })
  assert(box:in_doubt(claimed, { code = "call.in_doubt", error = "the answer was lost" }))
end

-- The bodies at the tenant.
local function keeper(bodies)
  return function(req, _, body)
    bodies[#bodies + 1] = body
    return req:answer(200, {}, "")
  end
end

local function wait_for_body(bodies)
  return process.wait_for("the message at the tenant", function() return bodies[1] end)
end

-- Who is let in -----------------------------------------------------------------------------------

describe("signing in to the page", function()
  it("shows nothing without the cookie", with_page(function(page)
    for _, path in ipairs(PATHS) do
      local text, status = page:get(path)
      assert.equal(401, status)
      assert.equal("sign-in", text:match 'data%-page="([^"]*)"')
      assert.is_nil(text:find("PO-1", 1, true))
    end
    assert.equal(401, page:ask("POST", "/messages/1/drop", {}).status)
  end, { store = one_rejected }))

  it("takes the token of the file, which is the owner's only", with_page(function(page, _, place)
    local stat = core.file.stat(place.dir:file "outbox.db-ui")
    assert.equal("0600", stat.mode)
    local answer = page:ask("GET", "/sign-in?token=" .. page.ui.token)
    assert.equal(303, answer.status)
    assert.equal("/", answer.headers.location)
    local cookie = answer.headers["set-cookie"]
    for _, part in ipairs { "HttpOnly", "SameSite=Strict", "Path=/" } do
      assert.is_truthy(cookie:find(part, 1, true), cookie)
    end
    page.cookie = cookie:match "^[^;]+"
    assert.equal("overview", page:page_name "/")
  end))

  it("ends with the sign-out", with_page(function(page)
    page:sign_in()
    assert.equal(303, page:ask("POST", "/sign-out", page:fields("/", "sign-out")).status)
    assert.equal("sign-in", page:page_name "/")
  end))

  it("refuses wrong tokens, and after ten of them any for a while", with_page(function(page)
    for _ = 1, 10 do
      assert.equal(403, page:ask("POST", "/sign-in", { token = "wrong" }).status)
    end
    local answer = page:ask("POST", "/sign-in", { token = page.ui.token })
    assert.equal(429, answer.status)
    assert.is_truthy(tonumber(answer.headers["retry-after"]))
  end))

  it("removes the file when the service stops", with_page(function(_, service, place)
    assert.equal(0, service:stop().code)
    assert.is_nil(place.dir:read "outbox.db-ui")
  end))
end)

describe("requests of elsewhere", function()
  it("are refused: another Host, another Origin, another site", with_page(function(page)
    page:sign_in()
    local text = raw(page.port, (HOSTS:gsub("PORT", tostring(page.port))))
    assert.equal("403 403 403 403 401", (text:gsub("[^%d]+", " "):match "^%s*(.-)%s*$"))
    local fields = page:fields("/messages/1", "drop")
    for _, headers in ipairs { { Origin = "http://evil.example" }, { Origin = "null" },
      { Origin = false, ["Sec-Fetch-Site"] = "cross-site" } } do
      assert.equal(403, page:ask("POST", "/messages/1/drop", fields, headers).status)
    end
    assert.equal(200, select(2, page:get "/messages/1"))
  end, { store = one_rejected }))

  it("are refused without the token of the form", with_page(function(page)
    page:sign_in()
    local fields = page:fields("/messages/1", "drop")
    for _, token in ipairs { "", "x", page.ui.token } do
      fields.form_token = token
      assert.equal(403, page:ask("POST", "/messages/1/drop", fields).status)
    end
    local other = new_visitor({ started = { ui = page.address }, place = { dir = { read = function()
      return core.json.encode(page.ui) end } } }):sign_in()
    fields.form_token = other:fields("/messages/1", "drop").form_token
    assert.equal(403, page:ask("POST", "/messages/1/drop", fields).status)
    assert.equal(200, select(2, page:get "/messages/1"))
  end, { store = one_rejected }))

  it("change nothing by GET, and have limits", with_page(function(page)
    page:sign_in()
    assert.equal(404, select(2, page:get "/messages/1/drop"))
    assert.equal(405, page:ask("DELETE", "/messages/1").status)
    assert.equal(414, page:ask("GET", "/?a=" .. ("x"):rep(5000)).status)
    assert.equal(413, page:ask("POST", "/sign-in", ("x"):rep(2 * 1024 * 1024)).status)
    assert.equal(415, page:ask("POST", "/sign-in", "x", { ["Content-Type"] = "text/plain" }).status)
    assert.equal(200, select(2, page:get "/messages/1"))
  end, { store = one_rejected }))

  it("get a strict policy with every answer", with_page(function(page)
    page:sign_in()
    for _, path in ipairs { "/", "/nothing", "/style.css", "/script.js", "/icon.svg", "/log" } do
      local headers = page:ask("GET", path).headers
      local policy = headers["content-security-policy"]
      assert.is_truthy(policy:find("default-src 'none'", 1, true))
      assert.is_truthy(policy:find("frame-ancestors 'none'", 1, true))
      assert.is_nil(policy:find("unsafe", 1, true))
      assert.equal("nosniff", headers["x-content-type-options"])
      assert.equal("no-store", headers["cache-control"])
    end
    for _, path in ipairs(PATHS) do
      local text = page:get(path)
      assert.is_nil(text:find("<style", 1, true))
      assert.is_nil(text:find(" style=", 1, true))
      assert.is_nil(text:find("<script[^>]*>[^<]"))
      assert.is_nil(text:find "%son%l+=")
    end
  end, { store = one_rejected }))
end)

-- What the pages say ------------------------------------------------------------------------------

describe("the pages", function()
  it("escape whatever a message holds", with_page(function(page)
    page:sign_in()
    for _, path in ipairs { "/", "/messages?state=any", "/messages/1",
      "/messages?sender=" .. form.escape(HOSTILE), "/messages?id=" .. form.escape(HOSTILE),
      "/log?text=" .. form.escape(HOSTILE) .. "&sender=" .. form.escape(HOSTILE) } do
      local text, status = page:get(path)
      assert.equal(200, status)
      assert.is_nil(text:find("<script>", 1, true), path)
      assert.is_nil(text:find("<img", 1, true), path)
      assert.is_nil(text:find("</textarea></pre>", 1, true), path)
    end
    local shown = page:get "/messages/1"
    assert.is_truthy(shown:find("&lt;script&gt;alert(1)", 1, true))
    assert.is_truthy(shown:find("&amp;amp;", 1, true))
  end, { store = function(box)
    local message = { sender = "orders", id = HOSTILE, key = HOSTILE, body = HOSTILE,
      content_type = HOSTILE, headers = { ["X-Hostile"] = HOSTILE }, source = { file = HOSTILE } }
    rejected(box, message, { code = "call.rejected", error = HOSTILE, message_id = HOSTILE })
    assert(box:enqueue { sender = "<b>other</b>", id = "x", body = "\xff\0<script>", headers = {} })
  end }))

  it("hide what is secret among the headers", with_page(function(page)
    page:sign_in()
    local text = page:get "/messages/1"
    assert.is_nil(text:find("s3cret", 1, true))
    assert.is_truthy(text:find("plain-value", 1, true))
    for _, path in ipairs { "/", "/log", "/credentials" } do
      assert.is_nil((page:get(path)):find(page.ui.token, 1, true))
    end
  end, { store = function(box)
    rejected(box, { id = "PO-1", body = "one", headers = { Authorization = "Bearer s3cret",
      ["X-Api-Key"] = "s3cret", Cookie = "a=s3cret", ["X-Plain"] = "plain-value" } })
  end }))

  it("tell every attempt with its error", with_page(function(page)
    page:sign_in()
    local text = page:get "/messages/1"
    local rows = select(2, text:match('data%-table="attempts"(.-)</table>'):gsub("<tr>", ""))
    assert.equal(3, rows) -- with the head
    assert.is_truthy(text:find("first &lt;reason&gt;", 1, true))
    assert.is_truthy(text:find("second reason", 1, true))
  end, { store = function(box)
    local message = store(box, { id = "PO-1", body = "one" })
    assert(box:retry(message, { code = "call.failed", error = "first <reason>", began = 1,
      ended = 2, not_before = 0 }))
    assert(box:rejected(box:claim("orders", 1)[1], { code = "call.rejected", status = 400,
      error = "second reason", began = 3, ended = 4 }))
  end }))

  it("list page by page", with_page(function(page)
    page:sign_in()
    local seen, path, pages = {}, "/messages?state=any&sender=nobody", 0
    repeat
      local text = page:get(path)
      for number in text:gmatch 'data%-message="(%d+)"' do
        assert.is_nil(seen[number])
        seen[number], seen[#seen + 1] = true, number
      end
      pages = pages + 1
      path = text:match 'rel="next" href="([^"]*)"'
      path = path and path:gsub("&amp;", "&")
    until not path
    assert.same({ 120, 3 }, { #seen, pages })
    assert.is_truthy((page:get "/messages?state=ready"):find("<td>nobody</td>", 1, true))
    assert.is_truthy((page:get "/messages?id=n-7&state=any"):find('data-message="7"', 1, true))
    assert.is_truthy((page:get "/messages?id=7&state=any"):find('data-message="7"', 1, true))
    for _, query in ipairs { "after=-1", "after=x", "after=99999999999999999999", "state=x",
      "id=%00", "sender=" .. ("x"):rep(900) } do
      assert.equal(200, select(2, page:get("/messages?" .. query)), query)
    end
    assert.equal(404, select(2, page:get "/messages/99999999999999999999"))
    assert.equal(404, select(2, page:get "/messages/0"))
  end, { store = function(box)
    for i = 1, 120 do
      assert(box:enqueue { sender = "nobody", id = "n-" .. i, body = "x", headers = {} })
    end
  end }))

  it("show the schedule, the outbox and the credentials", with_page(function(page)
    page:sign_in()
    local schedule = page:get "/schedule"
    for _, name in ipairs { "nightly", "poll" } do
      local part = assert(schedule:match(('data%%-job="%s">(.-)</section>'):format(name)))
      assert.equal(5, select(2, part:gsub("<div>", "")))
    end
    local overview = page:get "/"
    assert.is_truthy(overview:find('data-sender="orders"', 1, true))
    assert.is_truthy(overview:find("/messages?state=rejected", 1, true))
    assert.is_truthy(overview:find("<svg", 1, true))
    assert.is_truthy((page:get "/credentials"):find('data-credential="orders"', 1, true))
  end, { store = one_rejected }))

  it("count what was delivered, and show the log", with_page(function(page)
    page:sign_in()
    process.wait_for("the delivery", function()
      return (page:get "/messages?state=delivered"):find("PO-1", 1, true)
    end)
    assert.is_truthy((page:get "/"):find('<rect class="good"', 1, true))
    local lines = page:get "/log?sender=orders"
    assert.is_truthy(lines:find("PO-1", 1, true))
    assert.is_nil((page:get "/log?level=error"):find("PO-1", 1, true))
  end, { store = function(box)
    assert(box:enqueue { sender = "orders", id = "PO-1", body = "one", headers = {} })
  end }))

  it("survive a reload, and tell how it went", with_page(function(page, service, place)
    page:sign_in()
    place:script("orders.lua", serve.SENDER .. 'iflow.sender "invoices" { to = "/http/invoices" }')
    service:signal "HUP"
    process.wait_for("the new sender", function()
      return (page:get "/"):find('data-sender="invoices"', 1, true)
    end)
    place:script("orders.lua", "this is no Lua")
    service:signal "HUP"
    process.wait_for("the failure", function()
      return (page:get "/"):find("orders.lua:1", 1, true)
    end)
  end))
end)

-- What the forms do -------------------------------------------------------------------------------

describe("the forms", function()
  local bodies

  local function with_tenant(fn, store_fn)
    return with_page(function(...)
      fn(...)
    end, { store = store_fn, runtime = function(...) return keeper(bodies)(...) end })
  end

  before_each(function() bodies = {} end)

  it("send a message again, and log who asked", with_tenant(function(page, service)
    page:sign_in()
    local answer = page:act(1, "retry")
    assert.same({ 303, "/messages/1?done=sent" }, { answer.status, answer.headers.location })
    assert.equal("one", wait_for_body(bodies))
    local entry = process.wait_for("the line", function()
      for line in service:log():gmatch "[^\n]+" do
        local value = core.json.decode(line)
        if value and value.event == "retried" then return value end
      end
    end)
    assert.same({ "orders", "PO-1" }, { entry.sender, entry.id })
    assert.is_truthy(entry.peer:find("127.0.0.1", 1, true))
  end, one_rejected))

  it("send another text, with the line ends that it had", with_tenant(function(page)
    page:sign_in()
    assert.equal(303, page:act(1, "edit", { body = "\r\nfirst\r\nsecond & third ü" }).status)
    assert.equal("\nfirst\nsecond & third ü", wait_for_body(bodies))
    bodies = {}
    assert.equal(303, page:act(2, "edit", { body = "a\r\nb" }).status)
    assert.equal("a\r\nb", wait_for_body(bodies))
  end, function(box)
    one_rejected(box)
    rejected(box, { id = "PO-2", body = "x\r\ny\r\n" })
  end))

  it("edit neither bytes, nor mixed line ends, nor what is large", with_tenant(function(page)
    page:sign_in()
    for number = 1, 4 do
      local text = page:get("/messages/" .. number)
      assert.is_nil(text:find("<textarea", 1, true))
      assert.is_truthy(text:find("iflow outbox retry " .. number, 1, true))
      local fields = page:fields("/messages/" .. number, "retry")
      fields.body = "x"
      local path = ("/messages/%d/edit"):format(number)
      assert.equal(409, page:ask("POST", path, fields).status)
    end
    assert.same({}, bodies)
  end, function(box)
    rejected(box, { id = "1", body = "\0\1\xff" })
    rejected(box, { id = "2", body = "a\r\nb\nc" })
    rejected(box, { id = "3", body = ("ü"):rep(200 * 1024) })
    rejected(box, { id = "4", body = ("a"):rep(2 * 1024 * 1024) })
  end))

  it("refuse an empty text, and keep what was typed when it fails", with_tenant(function(page)
    page:sign_in()
    assert.equal(409, page:act(1, "edit", { body = "" }).status)
    local answer = page:act(1, "edit", { body = "typed", changed = "0" })
    assert.equal(409, answer.status)
    assert.is_truthy(answer.body:find("typed", 1, true))
    assert.same({}, bodies)
  end, one_rejected))

  it("do nothing to a message that has changed meanwhile", with_tenant(function(page)
    page:sign_in()
    local fields = page:fields("/messages/1", "drop")
    assert.equal(303, page:act(1, "retry").status)
    wait_for_body(bodies)
    assert.equal(409, page:ask("POST", "/messages/1/drop", fields).status)
    assert.equal(409, page:ask("POST", "/messages/1/retry", fields).status)
    assert.equal(200, select(2, page:get "/messages/1"))
  end, one_rejected))

  it("drop a message", with_tenant(function(page)
    page:sign_in()
    assert.equal(303, page:act(1, "drop").status)
    assert.equal(404, select(2, page:get "/messages/1"))
    assert.equal(404, page:ask("POST", "/messages/1/explode", page:fields("/", "sign-out")).status)
    assert.same({}, bodies)
  end, one_rejected))

  it("ask for certainty before what is in doubt is sent again", with_tenant(function(page)
    page:sign_in()
    assert.equal(409, page:act(1, "retry").status)
    assert.equal(409, page:act(1, "edit", { body = "two" }).status)
    assert.same({}, bodies)
    assert.equal(303, page:act(1, "retry", { sure = "yes" }).status)
    assert.equal("one", wait_for_body(bodies))
  end, one_in_doubt))
end)

describe("iflow serve --ui", function()
  it("takes loopback addresses only", async(function()
    local place <close> = serve.place()
    place:script("orders.lua", SCRIPT)
    for _, address in ipairs { "0.0.0.0:0", "192.168.1.1:8383", "localhost", "x:y" } do
      local code, exit_code = place:fails("serve", "orders.lua", "--ui", address)
      assert.same({ "usage.invalid", 2 }, { code, exit_code })
    end
  end))

  it("says that its port is taken", with_page(function(page, service)
    local other <close> = serve.place()
    other:script("orders.lua", SCRIPT)
    assert.equal("system.failed", (other:fails("serve", "orders.lua", "--ui", page.address)))
    assert.is_true(service:alive())
    assert.is_nil(other.dir:read "outbox.db-ui")
  end))

  it("is off without the option", async(function()
    local place <close> = serve.place()
    place:script("orders.lua", SCRIPT)
    local service <close> = place:serve "orders.lua"
    assert.is_nil(service.started.ui)
    assert.is_nil(place.dir:read "outbox.db-ui")
  end))
end)
