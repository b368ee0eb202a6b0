--- Small readers and writers of HTTP that every host of the sandbox needs: targets, forms, cookies,
--- Basic credentials, and the answers as plain tables { status, headers, body }.
local crypto = require "iflow.core".crypto
local json = require "iflow.core".json

local web = {}

--- Decodes %XX; nil when an escape is broken. Forms also write a blank as "+".
function web.unescape(text, form)
  if form then text = text:gsub("%+", " ") end
  if not text:find("%", 1, true) then return text end
  if text:gsub("%%%x%x", ""):find("%", 1, true) then return nil end
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- "/a%20b?x=1" -> "/a b", "x=1" (the query is "" when there is none); nil for a broken escape.
function web.split_target(target)
  local mark = target:find("?", 1, true)
  if not mark then return web.unescape(target), "" end
  return web.unescape(target:sub(1, mark - 1)), target:sub(mark + 1)
end

--- Reads application/x-www-form-urlencoded into a table; the first of equal names counts. nil when
--- an escape is broken.
function web.form(text)
  local fields = {}
  for pair in text:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name, value = web.unescape(name, true), web.unescape(value, true)
    if not name or not value then return nil end
    if name ~= "" and fields[name] == nil then fields[name] = value end
  end
  return fields
end

--- The Cookie field as name -> value, verbatim.
function web.cookies(field)
  local cookies = {}
  if not field then return cookies end
  for name, value in field:gmatch("([^=;%s]+)=([^;]*)") do
    if cookies[name] == nil then cookies[name] = value end
  end
  return cookies
end

--- The scheme in lower case and the credentials of an Authorization field; nil without one.
function web.authorization(field)
  local scheme, from = (field or ""):match "^%s*(%S+)%s+()%S"
  if not scheme then return nil end
  local to = #field -- by hand: a pattern would take a step for each byte of a token
  while field:find("^%s", to) do to = to - 1 end
  return scheme:lower(), field:sub(from, to)
end

--- User and password of Basic credentials, split at the first colon; nil when they are garbage.
function web.basic(credentials)
  local text = crypto.unbase64(credentials)
  if not text then return nil end
  return text:match("^([^:]*):(.*)$")
end

function web.is_form(headers)
  local kind = headers["content-type"] or ""
  return kind:lower():match("^%s*application/x%-www%-form%-urlencoded%s*$") ~= nil
    or kind:lower():match("^%s*application/x%-www%-form%-urlencoded%s*;") ~= nil
end

--- The bytes of a header block as it was sent, and how many fields it has.
function web.header_bytes(headers)
  local raw = headers.raw or {}
  local bytes, count = 0, #raw
  for i = 1, count do
    local field = raw[i]
    bytes = bytes + #field[1] + #field[2] + 4
  end
  return bytes, count
end

--- Whether an Accept field asks for JSON.
function web.wants_json(headers)
  return (headers.accept or ""):lower():find("application/json", 1, true) ~= nil
end

--- Notes in an answer the rule that decided it, for people who ask why (decisions.lua): the step
--- and what it found, without secrets. Returns the answer.
function web.because(answer, text, ...)
  answer.rule = text:format(...)
  return answer
end

function web.text(status, text, headers)
  local answer = { status = status, headers = headers or {}, body = text }
  answer.headers["Content-Type"] = answer.headers["Content-Type"] or "text/plain"
  return answer
end

function web.json(status, value, headers)
  headers = headers or {}
  headers["Content-Type"] = "application/json;charset=UTF-8"
  return web.text(status, assert(json.encode(value, { sort = true })), headers)
end

local PAGE = [[<!doctype html><html lang="en"><head><title>HTTP Status %d – %s</title></head>]]
  .. [[<body><h1>HTTP Status %d – %s</h1></body></html>]]

--- The page the web server of the worker makes by itself.
function web.page(status, title, headers)
  local answer = { status = status, headers = headers or {},
                   body = PAGE:format(status, title, status, title) }
  answer.headers["Content-Type"] = "text/html;charset=utf-8"
  answer.headers["Content-Language"] = "en"
  return answer
end

local FORBIDDEN = {
  page = function() return web.page(403, "Forbidden") end,
  json = function() return web.json(403, { error = "Forbidden", status = 403 }) end,
  empty = function() return { status = 403, headers = {}, body = "" } end,
}

--- The 403 for a missing role. form: the setting forbidden_body.
function web.forbidden(form) return FORBIDDEN[form]() end

--- "{a, b}" of a list or set of names, for rules.
function web.names(names)
  local list = {}
  for key, value in pairs(names) do list[#list + 1] = math.type(key) and value or key end
  table.sort(list)
  return "{" .. table.concat(list, ", ") .. "}"
end

return web
