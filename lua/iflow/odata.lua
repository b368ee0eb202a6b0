--- A client of the tenant's OData V2 API (sap-reference 7), with a service key of plan api. It
-- knows literals, pages, errors, rate limits and CSRF; what the sets mean is in
-- lua/iflow/tenant_api.lua.
--
--   local odata = require "iflow.odata"
--   local api <close> = assert(odata { service_key = "api-key.json" })
--   local flow, err = api:get(odata.entity("IntegrationRuntimeArtifacts", "orders"))
--   local list, err = api:list("MessageProcessingLogs", { orderby = "LogStart desc", limit = 50,
--     filter = "Status eq " .. odata.literal "FAILED" .. " and LogEnd gt " .. odata.time(since) })
--   for page, err in api:each "UserRoles" do … end    -- err: page is false, and it is the last
--
-- Options of odata: those of iflow.tenant; a path alone is the service key. For an Edge
-- Integration Cell `url` says what stands before /api/v1. And
--   retry      what is done about transient failures of reads: as of a sender
--              (lua/iflow/retry.lua), "sap" by default. Who is told to wait longer than a minute
--              gets the error instead.
--
-- A path is what stands behind /api/v1/, keys escaped (odata.entity does it). Questions have
--   filter, orderby, select, expand (texts, or lists), top, skip, count = true ($inlinecount), and
--   query = { name = value } for what else there is.
-- Values are plain: null is nil, lists of what was expanded are lists, /Date(…)/ stays a text
-- (odata.seconds). Errors are those of tenant:call, in words of the API; err.said is what the API
-- itself said. Whoever answers something that is not the API's JSON gives http.protocol.

local caller = require "iflow.caller"
local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"
local failure = require "iflow.odata.failure"
local limits = require "iflow.odata.limits"
local literal = require "iflow.odata.literal"
local pages = require "iflow.odata.pages"
local query = require "iflow.odata.query"
local retries = require "iflow.retry"
local suggest = require "iflow.suggest"
local tenants = require "iflow.tenant"

local TIMEOUT = 60    -- seconds for one request, unless the options say otherwise
local WAIT_MAX = 60   -- seconds that somebody who asks is kept waiting for the next attempt
local LIST_MAX = 100000

local odata = {
  --- A text, or seconds since 1970, for a filter; a key for a path; what a date in JSON says.
  literal = literal.text, time = literal.time, entity = literal.entity, seconds = literal.seconds,
  hex = literal.hex,
  --- The plan that a client id tells of: "api", "integration-flow" or nil.
  plan = failure.plan,
}

local api = { __name = "iflow.odata" }
api.__index = api

-- One request -----------------------------------------------------------------------------------

local function about(self, set, is_read)
  return { set = set, host = self.host, client_id = self.client_id, is_read = is_read }
end

local function set_of(path) return path:match "^[%w_]+" or "the service" end

-- One attempt: answer | nil, err. request: fields of tenant:call.
local function attempt(self, set, request)
  self.limits:take(set)
  local _ <close> = clock.work()
  request.timeout = self.timeout
  if not self.tenant then
    return nil, errors { code = "object.closed", message = "the API was closed meanwhile" }
  end
  local answer, err = self.tenant:call(request)
  if answer then return answer end
  return nil, failure.of(err, about(self, set, request.idempotent))
end

-- The wait before a question is asked again; nil: it is not.
local function wait_of(self, err, n, began, last_wait)
  local wait, why = self.policy:wait(err, { attempt = n, elapsed = clock.monotonic() - began,
    last_wait = last_wait })
  if not wait or wait > WAIT_MAX then return nil, why end
  return wait
end

-- Attempts by the policy: answer | nil, err.
local function ask(self, set, request)
  local began, n, wait = clock.monotonic(), 0, nil
  while true do
    local answer, err = attempt(self, set, request)
    if answer then return answer end
    n = n + 1
    local why
    wait, why = wait_of(self, err, n, began, wait)
    if not wait then return nil, why or err end
    clock.sleep(wait)
  end
end

-- url: of what is read, without its query.
local function read(self, set, url, query_text, accept)
  return ask(self, set, { to = url, method = "GET", query = query_text, idempotent = true,
    headers = { Accept = accept or "application/json" } })
end

local function url_of(self, path) return ("%s/%s"):format(self.root, path) end

-- Whether the API itself says that something is not there.
local function is_absent(err) return err.status == 404 and err.said ~= nil end

-- What "d" holds: a table | nil, err.
local function content(self, set, answer)
  local document = failure.decode(answer.body)
  if document and type(document.d) == "table" then return document.d end
  return nil, failure.no_answer(about(self, set))
end

-- Checking --------------------------------------------------------------------------------------

local list_names = { "filter", "orderby", "top", "skip", "select", "expand", "count", "query",
  "limit" }

local function check(self, name, path, options, level)
  if getmetatable(self) ~= api then error(("use a colon: api:%s(…)"):format(name), level + 1) end
  if type(path) ~= "string" or path == "" then
    error(("api:%s takes a path, got %s"):format(name, type(path)), level + 1)
  end
  if not self.tenant then error("the API is closed", level + 1) end
  if options ~= nil then
    if type(options) ~= "table" then
      error(("api:%s takes a table of options, got %s"):format(name, type(options)), level + 1)
    end
    suggest.check_keys(options, list_names, level + 1)
  end
  caller.check_waits(name, level + 1)
end

-- Reading ---------------------------------------------------------------------------------------

--- What stands at a path: a table, or nil, err.
function api:get(path, options)
  check(self, "get", path, options, 2)
  local answer, err = read(self, set_of(path), url_of(self, path), query.encode(options or {}))
  if not answer then return nil, err end
  local d
  d, err = content(self, set_of(path), answer)
  if not d then return nil, err end
  return literal.plain(d, core.json.null)
end

--- The same; nil alone when the API says that there is nothing.
function api:find(path, options)
  check(self, "find", path, options, 2)
  local value, err = api.get(self, path, options)
  if not value and is_absent(err) then return nil end
  return value, err
end

--- The text of a $value: nil alone when there is none (204, or nothing of that key); nil, err.
function api:text(path)
  check(self, "text", path, nil, 2)
  local answer, err = read(self, set_of(path), url_of(self, path) .. "/$value", nil, "*/*")
  if not answer then
    if is_absent(err) then return nil end
    return nil, err
  end
  if answer.status ~= 200 or answer.body == "" then return nil end
  return answer.body
end

-- The records of a page, and what "d" has beside them; nil, err. What has no list is never taken
-- for an empty one.
local function page_of(self, set, place)
  local answer, err = read(self, set, place.url, place.query)
  if not answer then return nil, err end
  local d
  d, err = content(self, set, answer)
  if not d then return nil, err end
  if type(d.results) ~= "table" then return nil, failure.no_answer(about(self, set)) end
  local records = literal.plain(d.results, core.json.null)
  for _, record in ipairs(d.results) do
    if type(record) ~= "table" then return nil, failure.no_answer(about(self, set)) end
  end
  return records, d
end

--- Pages of a collection, for a generic for: each is a list of records, with `count` when that was
-- asked for; after an error one more, false, err. The next link of a page is followed on this host
-- only, and not for ever.
function api:each(path, options)
  check(self, "each", path, options, 2)
  local set = set_of(path)
  local place = pages.start(self.root, url_of(self, path), query.encode(options or {}))
  return function()
    if not place then return nil end
    local records, d = page_of(self, set, place)
    local err = not records and d or nil
    if records then
      records.count = math.tointeger(tonumber(d.__count))
      place, err = place:follow(d.__next, #records, about(self, set))
    end
    if not err then return records end
    place = nil
    return false, err
  end
end

-- With one more than wanted it is known whether there are more.
local function with_top(options)
  local copy = {}
  for name, value in pairs(options or {}) do copy[name] = value end
  local limit = copy.limit
  copy.limit = nil
  if limit and limit < pages.SIZE and not copy.top then copy.top = limit + 1 end
  return copy
end

--- All records of a collection: a list, or nil, err. options.limit: at most so many; list.more says
-- whether there are others. list.count: with count = true, how many match.
function api:list(path, options)
  check(self, "list", path, options, 2)
  local limit = options and options.limit
  local list = { more = false }
  for page, err in api.each(self, path, with_top(options)) do
    if err then return nil, err end
    list.count = list.count or page.count
    for _, record in ipairs(page) do
      if limit and #list == limit then
        list.more = true
        return list
      end
      list[#list + 1] = record
    end
    if #list > LIST_MAX then
      return nil, errors { code = "limit.exceeded",
        message = ("%s of %s: more than %d records"):format(set_of(path), self.host, LIST_MAX),
        hint = "narrow the filter, or give a limit" }
    end
  end
  return list
end

-- Writing ---------------------------------------------------------------------------------------

-- "JSESSIONID=x; Path=/\nlb=y" -> "JSESSIONID=x; lb=y": cookies go back byte for byte.
local function cookies_of(answer)
  local list = {}
  for line in (answer.headers["set-cookie"] or ""):gmatch "[^\n]+" do
    list[#list + 1] = line:match "^%s*([^;]*)"
  end
  return list[1] and table.concat(list, "; ") or nil
end

-- Asks the root of the API for a token: { token =, cookie = }, without a token when it gives none.
local function handshake(self)
  local answer, err = ask(self, "the service", { to = self.root .. "/", method = "GET",
    headers = { Accept = "application/json", ["X-CSRF-Token"] = "Fetch" }, idempotent = true })
  if not answer then return nil, err end
  return { token = answer.headers["x-csrf-token"], cookie = cookies_of(answer) }
end

local function write(self, session, method, path, options)
  local headers = { Accept = "application/json", ["X-CSRF-Token"] = session.token,
    Cookie = session.cookie }
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  return ask(self, set_of(path), { to = url_of(self, path), method = method,
    query = query.encode { query = options.query }, headers = headers, body = options.body,
    csrf = false })
end

--- Changes something: answer of tenant:call, or nil, err. options: body, headers, query. A CSRF
-- token is fetched from the root of the API before the first one, again when it is refused.
function api:send(method, path, options)
  check(self, "send", path, nil, 2)
  options = options or {}
  suggest.check_keys(options, { "body", "headers", "query" }, 2)
  local kept = self.session
  local session, err = kept, nil
  if not session then session, err = handshake(self) end
  if not session then return nil, err end
  self.session = session
  local answer
  answer, err = write(self, session, method, path, options)
  if answer or err.code ~= "call.csrf" or not kept then return answer, err end
  session, err = handshake(self)
  if not session then return nil, err end
  self.session = session
  return write(self, session, method, path, options)
end

-- Opening ---------------------------------------------------------------------------------------

-- What a filled in tenant is asked by: where the API is.
local function place_of(tenant)
  local base = tenant.options.url or tenant.service_key.url or ""
  base = base:gsub("/+$", ""):gsub("/api/v1$", "")
  return base, base .. "/api/v1"
end

local function take(self, tenant)
  self.tenant, self.session = tenant, nil
  self.host, self.root = place_of(tenant)
  self.client_id = tenant.service_key.client_id
  self.limits = limits(self.root .. "\n" .. self.client_id)
end

--- As sender:renew. Internal.
function api:renew(accept)
  local before = self.tenant
  local tenant, err = tenants.for_api(self.options, 2)
  if not tenant then return nil, err end
  local ok
  ok, err = accept(tenant)
  if not ok or self.tenant ~= before then
    tenant:close()
    return ok, err
  end
  take(self, tenant)
  before:close()
  return true
end

--- Closes its connections. May be repeated.
function api:close()
  local tenant = self.tenant
  self.tenant = nil
  if tenant then tenant:close() end
end
api.__close = api.close

function api:__tostring() return "iflow.odata: " .. self.host end

--- The same as calling the module; what is wrong with the options is raised `level` above the
-- caller. retry: in place of the option, which is unknown then. Internal.
function odata.open(options, level, retry)
  if type(options) == "string" then options = { service_key = options } end
  if type(options) ~= "table" then
    error("the API is opened with the path of a service key of plan api, or options of "
      .. "iflow.tenant, got " .. type(options), level + 1)
  end
  local of_tenant = {}
  for name, value in pairs(options) do of_tenant[name] = value end
  if retry == nil then of_tenant.retry = nil end
  local policy = retries.of(retry or options.retry, level + 1)
  local tenant, err = tenants.for_api(of_tenant, level + 1)
  if not tenant then return nil, err end
  local self = setmetatable({ options = of_tenant, policy = policy,
    timeout = of_tenant.timeout == nil and TIMEOUT or nil }, api)
  take(self, tenant)
  return self
end

return setmetatable(odata, { __call = function(_, options)
  local made, err = odata.open(options, 2)
  return made, err
end })
