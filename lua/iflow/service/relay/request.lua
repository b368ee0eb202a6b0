--- A request as a relay sees it: path, query, host and the headers that may go on. Internal.

local request = {}

-- Never handed on: what concerns the connection, the relay's own access, or the body's framing; a
-- trace goes on in a way of its own.
local never = {}
for _, name in ipairs { "connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
  "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length",
  "content-type", "expect", "authorization", "x-api-key", "cookie", "origin", "accept-encoding",
  "access-control-request-method", "access-control-request-headers", "traceparent",
  "tracestate" } do
  never[name] = true
end

-- %XX decoded; nil when an escape is broken. In queries a plus is a blank.
local function unescape(text, in_query)
  if in_query then text = text:gsub("%+", " ") end
  if text:gsub("%%%x%x", ""):find("%", 1, true) then return nil end
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The first of equal names counts; nil when an escape is broken.
local function parse_query(text)
  local fields = {}
  for pair in text:gmatch "[^&]+" do
    local name, value = pair:match "^([^=]*)=?(.*)$"
    name, value = unescape(name, true), unescape(value, true)
    if not name or not value then return nil end
    if fields[name] == nil then fields[name] = value end
  end
  return fields
end

--- The name in a Host field, lower case and without port and brackets.
function request.host_name(field)
  local name = field:match "^%[(.-)%]" or field:match "^[^:]*"
  return name:lower():gsub("%.$", "")
end

--- Of what core.server hands over: { req, method, path, query, host, headers, peer, content_type };
-- path or query is nil when an escape is broken, host when there is none.
function request.of(req)
  local path, query = req.target:match "^([^?]*)%??(.*)$"
  local host = req.headers.host
  return { req = req, method = req.method, path = unescape(path), query = parse_query(query),
    host = host ~= "" and host or nil, headers = req.headers, peer = req.peer,
    content_type = req.headers["content-type"] }
end

--- A function that knows whether a header's name (lower case) is one of the patterns ("SAP_*"): its
-- spelling where it is named in full, else true; nil when it is none.
function request.matcher(patterns)
  local list, spelling = {}, {}
  for _, pattern in ipairs(patterns) do
    local lower = pattern:lower()
    if lower:find("*", 1, true) then
      list[#list + 1] = "^" .. lower:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*")
        .. "$"
    else
      spelling[lower] = pattern
    end
  end
  return function(name)
    if spelling[name] then return spelling[name] end
    for _, pattern in ipairs(list) do
      if name:find(pattern) then return true end
    end
  end
end

--- The headers of a request that go on: those `matches` knows, and the parameters that `query`
-- names. nil and the name of the first that is no UTF-8 text.
function request.forwarded(self, matches, query)
  local headers, seen = {}, {}
  for _, field in ipairs(self.headers.raw) do
    local lower = field[1]:lower()
    local found = not never[lower] and not seen[lower] and matches(lower)
    if found then headers[found == true and field[1] or found] = self.headers[lower] end
    seen[lower] = true
  end
  for parameter, header in pairs(query) do headers[header] = self.query[parameter] end
  for name, value in pairs(headers) do
    if not utf8.len(value) or value:find "[%z\1-\8\10-\31\127]" then return nil, name end
  end
  return headers
end

return request
