--- Step 5: CSRF protection of the HTTPS channel (sap-reference 5.3). A fetch gets a token bound to
--- a session and never runs the flow; what modifies needs the token and the session's cookies.
local web = require "iflow.sandbox.web"

local READS = { GET = true, HEAD = true, OPTIONS = true, TRACE = true }

local function session_of(request)
  local id = web.cookies(request.headers.cookie).JSESSIONID
  return request.worker.sessions:find(id, request.caller.client_id)
end

local function session_for(request)
  local session = session_of(request)
  if session then return session end
  request.new_session = request.worker.sessions:open(request.caller.client_id)
  return request.new_session
end

local function is_fetch(request)
  return READS[request.method] and (request.headers["x-csrf-token"] or ""):lower() == "fetch"
end

local function words(session, token)
  if not token or token == "" or token:lower() == "fetch" then
    return "the channel is protected, and no token came"
  elseif not session then
    return "the token came without the cookies of its session, or the session has ended"
  end
  return "the token is not that of the session"
end

return function(tenant, request)
  if not request.flow.csrf then return end
  local token = request.headers["x-csrf-token"]
  if is_fetch(request) then
    tenant.counters.csrf_tokens = tenant.counters.csrf_tokens + 1
    return web.because({ status = 200, body = "",
                         headers = { ["X-CSRF-Token"] = session_for(request).token } },
                       "csrf: a token was fetched, the flow does not run")
  end
  if READS[request.method] then return end
  local session = session_of(request)
  if session and session.token == token then return end
  session_for(request)
  return web.because(web.page(403, "Forbidden", { ["X-CSRF-Token"] = "required" }), "csrf: %s",
                     words(session, token))
end
