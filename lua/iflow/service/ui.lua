--- The page to look at: what a running service does, for a person with a browser on this machine,
-- and what can be done about it. HTTP on loopback; the pages are in lua/iflow/service/ui/.
--
--   local ui = assert(new_ui { service = service, outbox = "orders.db", port = 8383,
--     exposition = control.exposition })
--   ui:url()               where to sign in: beside the outbox lies OUTBOX-ui, readable for its
--                          owner only: { address, token, url }
--   ui:close()
--
-- Whoever has the token gets a cookie. Nothing is changed by GET; forms carry a token that only our
-- pages know. Hosts other than loopback and requests of other pages are refused. Nothing on a page
-- comes from elsewhere, and no script is in the HTML. Its parts survive a reload of the scripts.

local access = require "iflow.service.ui.access"
local assets = require "iflow.service.ui.assets"
local core = require "iflow.core"
local errors = require "iflow.error"
local form = require "iflow.service.ui.form"
local layout = require "iflow.service.ui.layout"
local new_rates = require "iflow.service.ui.rates"
local body = require "iflow.service.ui.body"

local BODY_MAX = 3 * body.EDIT_MAX + 16384 -- bytes of a form: "%0A" for each byte
local TARGET_MAX = 4096
local CONNECTIONS = 32
local GRACE = 2 -- seconds

local POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
  .. "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

local ui = { __name = "iflow.ui", LINES = 1000 }
ui.__index = ui

local pages = { ["/"] = require "iflow.service.ui.overview",
  ["/messages"] = require "iflow.service.ui.messages",
  ["/schedule"] = require "iflow.service.ui.schedule",
  ["/credentials"] = require "iflow.service.ui.credentials",
  ["/log"] = require "iflow.service.ui.log" }

local message = require "iflow.service.ui.message"
local act = require "iflow.service.ui.actions"

local files = {
  ["/style.css"] = { "text/css; charset=utf-8", assets.style },
  ["/script.js"] = { "text/javascript; charset=utf-8", assets.script },
  ["/icon.svg"] = { "image/svg+xml", assets.icon },
}

-- Answers -----------------------------------------------------------------------------------------

local function headers_of(kind, more)
  local headers = { ["Content-Type"] = kind, ["Content-Security-Policy"] = POLICY,
    ["X-Content-Type-Options"] = "nosniff", ["X-Frame-Options"] = "DENY",
    ["Referrer-Policy"] = "same-origin", ["Cross-Origin-Opener-Policy"] = "same-origin",
    ["Cross-Origin-Resource-Policy"] = "same-origin", ["Cache-Control"] = "no-store" }
  for name, value in pairs(more or {}) do headers[name] = value end
  return headers
end

--- Answers with a page; options as of layout.page. headers: more of them.
function ui.page(_, req, status, options, headers)
  options.who = req.who
  req.request:answer(status, headers_of("text/html; charset=utf-8", headers), layout.page(options))
end

--- Answers that another page follows.
function ui.redirect(_, req, path, headers)
  headers = headers or {}
  headers.Location = path
  req.request:answer(303, headers_of("text/plain; charset=utf-8", headers), "")
end

local sorry = layout.template [[<section><p>{{ text }}</p></section>]]

local function refuse(self, req, status, text, headers)
  self:page(req, status, { name = "error", title = "That did not work",
    body = sorry { text = text } }, headers)
end

--- Answers that there is no such thing.
function ui:missing(req, text) refuse(self, req, 404, text) end

--- A link with a query.
function ui.link(path, query) return path .. form.query(query) end

-- Signing in --------------------------------------------------------------------------------------

local sign_in = layout.template [[
<section class="sign-in"><form method="post" action="/sign-in" data-action="sign-in">
{% if problem then %}<div class="note bad" role="alert"><p>{{ problem }}</p></div>{% end %}
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="off" required autofocus>
<button class="main">Sign in</button></form>
<p class="faint">The token is in the file <code>{{ path }}</code> on the machine of the service, for
the user of the service.</p></section>
]]

local function ask_to_sign_in(self, req, status, problem, headers)
  self:page(req, status, { name = "sign-in", title = "Sign in", body = sign_in {
    problem = problem, path = self.path:match "[^/]*$" } }, headers)
end

-- With the token of a form, or of the link that the service told.
local function enter(self, req, token)
  local closed = self.access:is_closed()
  if closed then
    return ask_to_sign_in(self, req, 429, ("Too many wrong tokens; try again in %d seconds.")
      :format(closed), { ["Retry-After"] = tostring(closed) })
  end
  local cookie = self.access:sign_in(token)
  if not cookie then
    core.log.write("warn", "ui", "a wrong token was given", { event = "refused", peer = req.peer })
    return ask_to_sign_in(self, req, 403, "This is not the token.")
  end
  core.log.write("info", "ui", "somebody signed in", { event = "signed_in", peer = req.peer })
  self:redirect(req, "/", { ["Set-Cookie"] = self.access:set_cookie(cookie) })
end

-- Who may ask -------------------------------------------------------------------------------------

local names = { localhost = true, ["127.0.0.1"] = true, ["[::1]"] = true }

-- A name of ours: what a page of elsewhere has made to point here is none.
local function is_own_host(self, host)
  local name, port = (host or ""):lower():match "^(.-):(%d+)$"
  return (names[name] or name == self.name) and tonumber(port) == self.server:port()
end

-- Nothing of another page. Browsers tell it with Origin or Sec-Fetch-Site; a link may lead here.
local function is_own_page(req)
  local headers = req.headers
  if headers.origin then return headers.origin == "http://" .. headers.host end
  local site = headers["sec-fetch-site"]
  return req.method == "GET" or site == nil or site == "same-origin"
end

-- Requests ----------------------------------------------------------------------------------------

local function get(self, req)
  local number = math.tointeger(tonumber(req.path:match "^/messages/(%d+)$"))
  if req.path == "/sign-in" and req.query.token then return enter(self, req, req.query.token) end
  if req.path == "/sign-in" and not req.who then return ask_to_sign_in(self, req, 200) end
  if req.path == "/sign-in" then return self:redirect(req, "/") end
  if not req.who then return ask_to_sign_in(self, req, 401) end
  if number and number > 0 then return message.get(self, req, req.query, number) end
  local page = pages[req.path]
  if not page then return self:missing(req, "There is no such page.") end
  page(self, req, req.query)
end

local function post(self, req, fields)
  if req.path == "/sign-in" then return enter(self, req, fields.token) end
  if not req.who then return ask_to_sign_in(self, req, 401) end
  if not self.access:is_own_form(req.who, fields) then
    return refuse(self, req, 403, "The form is too old; go back, load the page and try again.")
  end
  if req.path == "/sign-out" then
    self.access:sign_out(req.who)
    return self:redirect(req, "/sign-in", { ["Set-Cookie"] = self.access:set_cookie "" })
  end
  local number, name = req.path:match "^/messages/(%d+)/(%l+)$"
  number = math.tointeger(tonumber(number))
  if not number or number < 1 or not (name == "retry" or name == "drop" or name == "edit") then
    return self:missing(req, "There is nothing of this name to do.")
  end
  act(self, req, fields, number, name)
end

local function read_form(self, req)
  local kind = (req.headers["content-type"] or ""):lower():match "^[^; ]*"
  if kind ~= "application/x-www-form-urlencoded" then
    return refuse(self, req, 415, "Only forms are taken.")
  end
  local text, err = req.request:body(BODY_MAX)
  if text then return post(self, req, form.parse(text)) end
  if err.code == "limit.exceeded" then
    refuse(self, req, 413, "The form is too large; `iflow outbox retry --body FILE` takes more.")
  end
end

local function route(self, req)
  if not is_own_host(self, req.headers.host) then
    return refuse(self, req, 403, "The Host must be this machine's loopback address.")
  elseif not is_own_page(req) then
    return refuse(self, req, 403, "Requests of other pages are refused.")
  elseif #req.target > TARGET_MAX then
    return refuse(self, req, 414, "The address is too long.")
  end
  local is_get = req.method == "GET" or req.method == "HEAD"
  local file = is_get and files[req.path]
  if file then return req.request:answer(200, headers_of(file[1]), file[2]) end
  req.who = self.access:who(req.headers)
  if is_get then return get(self, req) end
  if req.method == "POST" then return read_form(self, req) end
  refuse(self, req, 405, "Only GET and POST are possible here.", { Allow = "GET, HEAD, POST" })
end

-- An outbox that fails, or a mistake of ours, is a page, too.
local function handle(self, request)
  local path, query = request.target:match "^([^?]*)%??(.*)$"
  local req = { request = request, method = request.method, headers = request.headers,
    target = request.target, peer = request.peer, path = path, query = form.parse(query) }
  local ok, err = xpcall(route, errors.handler "system.internal", self, req)
  if ok then return end
  if errors.is(err) and err.code == "task.canceled" then error(err, 0) end
  core.log.write("error", "ui", tostring(err), { event = "failed" })
  refuse(self, req, 500, "It failed: " .. tostring(err):match "^[^\n]*")
end

-- Life --------------------------------------------------------------------------------------------

--- options: service, outbox (the path of its database), host ("127.0.0.1"), port (8383),
-- exposition (lua/iflow/service/exposition.lua). Returns it when it answers; nil, err when it
-- cannot listen or write its file.
local function new(_, options)
  local host = options.host or "127.0.0.1"
  local self = setmetatable({ service = options.service, exposition = options.exposition,
    path = options.outbox .. "-ui", name = host:find(":", 1, true) and "[" .. host .. "]" or host },
    ui)
  local err
  self.server, err = core.server.new { host = host, port = options.port or 8383,
    max_connections = CONNECTIONS, request = function(req) return handle(self, req) end }
  if not self.server then return nil, err end
  self.access = access(self.server:port())
  self.ring = core.log.ring(ui.LINES)
  self.rates = new_rates()
  local ok
  ok, err = core.file.write(self.path, core.json.encode { address = self:address(),
    token = self.access.token, url = self:url() } .. "\n", "0600")
  if ok then return self end
  self:abort()
  return nil, err
end

--- "127.0.0.1:PORT"
function ui:address() return ("%s:%d"):format(self.name, self.server:port()) end

--- Where a browser signs in: it holds the token.
function ui:url()
  return ("http://%s/sign-in?token=%s"):format(self:address(), self.access.token)
end

local function finish(self, grace)
  if self.ended then return end
  self.ended = true
  core.file.remove(self.path)
  self.rates:stop()
  self.server:close(grace)
  self.ring:close()
end

--- Ends it; waits for answers under way. May be repeated.
function ui:close() finish(self, GRACE) end

--- Ends it without waiting.
function ui:abort() finish(self, 0) end

return setmetatable(ui, { __call = new })
