--- Requests to the Cloud Foundry API v3 (sap-reference 2.6): the token, renewed once when the
--- platform does not take it any more; waits that it asks for (429); pages; refusals as
--- iflow.error. For lua/iflow/cf.lua. Nothing here follows an address of another host.
local core = require "iflow.core"
local errors = require "iflow.error"
local logon = require "iflow.cf.logon"
local query = require "iflow.cf.query"
local refusal = require "iflow.cf.refusal"

local connection = {}
connection.__index = connection

local TIMEOUT = 60           -- seconds for one request
local BODY_MAX = 8 << 20     -- bytes of an answer
local PER_PAGE = 200
local PAGES_MAX = 500        -- of one list
local READ_TRIES = 4         -- a request that only reads may be repeated
local READ_WAIT = 0.5        -- seconds before the second try, doubled for each further one
local LIMITED_TRIES = 5
local LIMITED_WAIT_MAX = 120 -- seconds that are waited for when the platform asks for them

--- options: api (URL), cacert, proxy, proxy_userpwd, timeout, and those of logon.new. Nothing is
--- sent yet.
function connection.new(options)
  local self = setmetatable({ api = options.api:gsub("/+$", ""), options = options }, connection)
  local function send(request)
    request.cacert, request.proxy = options.cacert, options.proxy
    request.proxy_userpwd, request.timeout = options.proxy_userpwd, options.timeout or TIMEOUT
    request.max_body, request.verbose = request.max_body or BODY_MAX, options.verbose
    return core.http.request(request)
  end
  self.send = send
  self.logon = logon.new(options, send, function() return self:addresses() end)
  return self
end

local function bad_answer(self, text, ...)
  return nil, errors { code = "cf.bad_answer",
                       message = ("'%s' %s"):format(self.api, text:format(...)) }
end

-- The address under a link of the API's root; only HTTPS may carry a password.
local function link(links, name)
  local url = type(links) == "table" and type(links[name]) == "table" and links[name].href
  if type(url) ~= "string" or not url:find "^https://[^/?#]+" then return nil end
  return (url:gsub("/+$", ""))
end

--- Where users get their tokens: { uaa =, login = }, as the API's root tells. Or nil, err.
function connection:addresses()
  if self.found then return self.found end
  local answer, err = self.send { url = self.api .. "/", headers = { Accept = "application/json" } }
  if not answer then return nil, err end
  local root = core.json.decode(answer.body)
  local links = type(root) == "table" and root.links
  local uaa = link(links, "uaa") or link(links, "login")
  if answer.status ~= 200 or not uaa then
    return bad_answer(self, "answered %d, and names no UAA as the root of a Cloud Foundry API does",
                      answer.status)
  end
  self.found = { uaa = uaa, login = link(links, "login") or uaa }
  return self.found
end

-- One request as it is. The body of the answer is decoded when it is JSON.
local function once(self, method, path, body)
  local authorization, err = self.logon:header()
  if not authorization then return nil, err end
  local headers = { Authorization = authorization, Accept = "application/json" }
  if body then headers["Content-Type"] = "application/json" end
  local answer
  answer, err = self.send { url = self.api .. path, method = method, headers = headers,
                            body = body and assert(core.json.encode(body)) }
  if not answer then return nil, err end
  self.reached = true
  return { status = answer.status, headers = answer.headers,
           body = answer.body ~= "" and core.json.decode(answer.body) or nil }
end

-- Something between us and the platform answered, or nobody who did before.
local function passes_by(self, answer, err)
  if not answer then return self.reached and err.retryable and err.code:find "^net%." ~= nil end
  return answer.status >= 502 and answer.status <= 504 and not refusal.entry(answer.body)
end

-- Seconds after which to repeat the request, or nil: it is what it is.
local function wait_for(self, tries, method, answer, err)
  if answer and answer.status == 429 then
    tries.limited = tries.limited + 1
    local wait = refusal.retry_after(answer.headers, core.task.now())
      or READ_WAIT * 2 ^ tries.limited
    return tries.limited <= LIMITED_TRIES and wait <= LIMITED_WAIT_MAX and wait or nil
  elseif method == "GET" and passes_by(self, answer, err) then
    tries.failed = tries.failed + 1
    return tries.failed < READ_TRIES and READ_WAIT * 2 ^ (tries.failed - 1) or nil
  end
end

-- The answer of the platform, whatever its status; or nil, err when there is none.
local function ask(self, method, path, body)
  local tries = { limited = 0, failed = 0, renewed = false }
  while true do
    local answer, err = once(self, method, path, body)
    if answer and answer.status == 401 and not tries.renewed then
      tries.renewed = true
      local ok, why = self.logon:renew()
      if not ok then return nil, why end
    else
      local wait = wait_for(self, tries, method, answer, err)
      if not wait then return answer, err end
      core.log.write("info", "cf", ("the platform asks to wait; again in %g s"):format(wait))
      core.task.sleep(wait)
    end
  end
end

-- Whether the platform may have taken what was sent before the connection broke.
local function in_doubt(method, err)
  return method ~= "GET" and err.sent ~= nil and err.sent ~= "nothing"
end

--- Sends a request. what: what it is for, as in "cannot WHAT: …"; body: a table, or nil. Returns
--- { status, headers, body (decoded JSON or nil) } of a 2xx; or nil, err: cf.* by what the platform
--- says, net.* and tls.* when it says nothing.
function connection:request(method, path, what, body)
  local answer, err = ask(self, method, path, body)
  if answer then
    if answer.status >= 200 and answer.status < 300 then return answer end
    return nil, refusal.of(answer, what)
  elseif not in_doubt(method, err) then
    return nil, err
  end
  return nil, errors { code = "cf.unfinished", cause = err,
    message = ("cannot tell whether the platform did %s: the connection broke (%s)"):format(
      what, err.message) }
end

--- The body of a GET, a table; fields: of the query, or nil.
function connection:get(path, what, fields)
  local text = fields and query(fields) or ""
  local answer, err = self:request("GET", text == "" and path or path .. "?" .. text, what)
  if not answer then return nil, err end
  if type(answer.body) ~= "table" then return bad_answer(self, "answered without JSON") end
  return answer.body
end

--- The path of an address on this API: what a link or a Location names, on whatever host; nil for
--- anything else.
function connection.path_of(url)
  return type(url) == "string" and url:match "^https?://[^/?#]+(/v3/[^#]*)$" or nil
end

-- What was included, by type and guid, gathered over the pages.
local function gather(into, included)
  for kind, list in pairs(type(included) == "table" and included or {}) do
    into[kind] = into[kind] or {}
    for _, one in ipairs(type(list) == "table" and list or {}) do into[kind][one.guid] = one end
  end
end

--- All resources of a list, over its pages, and what was included: { type = { guid = resource } }.
--- Or nil, err.
function connection:list(path, what, fields)
  local all, included = {}, {}
  local wanted = { per_page = PER_PAGE }
  for name, value in pairs(fields or {}) do wanted[name] = value end
  for _ = 1, PAGES_MAX do
    local page, err = self:get(path, what, wanted)
    if not page then return nil, err end
    if type(page.resources) ~= "table" then return bad_answer(self, "answered no list") end
    table.move(page.resources, 1, #page.resources, #all + 1, all)
    gather(included, page.included)
    local after = type(page.pagination) == "table" and page.pagination.next
    if type(after) ~= "table" then return all, included end
    path, wanted = self.path_of(after.href), nil
    if not path then return bad_answer(self, "names no next page") end
  end
  return nil, errors { code = "limit.exceeded",
    message = ("cannot %s: there are more than %d pages"):format(what, PAGES_MAX) }
end

return connection
