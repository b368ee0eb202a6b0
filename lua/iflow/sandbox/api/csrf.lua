--- CSRF tokens of the OData API (sap-reference 7.1): a GET with X-CSRF-Token: Fetch is answered
--- with one. SAP demands it of every write; tokens of OAuth are seen to do without, so the setting
--- api_csrf says of whom it is asked.
local sessions = require "iflow.sandbox.runtime.sessions"
local web = require "iflow.sandbox.web"

local csrf = {}

local function sessions_of(tenant)
  tenant.api_sessions = tenant.api_sessions or sessions.new(tenant.deps, tenant.settings)
  return tenant.api_sessions
end

local function session_of(tenant, request)
  local id = web.cookies(request.headers.cookie).JSESSIONID
  return sessions_of(tenant):find(id, request.caller.client_id)
end

local function is_fetch(request)
  return (request.headers["x-csrf-token"] or ""):lower() == "fetch"
end

--- Puts the token into the answer to who fetches one.
function csrf.offer(tenant, request, answer)
  if answer.status >= 300 or not is_fetch(request) then return answer end
  local session = session_of(tenant, request)
  if not session then
    session = sessions_of(tenant):open(request.caller.client_id)
    answer.headers["Set-Cookie"] = ("JSESSIONID=%s; Path=/; Secure; HttpOnly"):format(session.id)
  end
  answer.headers["X-CSRF-Token"] = session.token
  return answer
end

--- An answer when a write lacks its token, else nothing.
function csrf.check(tenant, request)
  local wanted = tenant.settings.api_csrf
  if wanted == "never" or wanted == "without_bearer" and request.caller.by == "token" then
    return nil
  end
  local session = session_of(tenant, request)
  if session and session.token == request.headers["x-csrf-token"] then return nil end
  return web.because(web.page(403, "Forbidden", { ["X-CSRF-Token"] = "required" }),
                     "csrf: a write needs the token of its session (setting api_csrf)")
end

return csrf
