--- What the API says when it refuses, in words. It speaks in three ways (sap-reference 7.4): inside
-- "error" with lang and value, bare with @lang and #text, or in OData's XML; an Edge Integration
-- Cell puts JSON as a text into the message (8.3). Internal, for lua/iflow/odata.lua.

local core = require "iflow.core"
local errors = require "iflow.error"
local limits = require "iflow.odata.limits"

local failure = {}

local TEXT_MAX = 1000
local LOOSE = { numbers = "float", duplicates = "last" }
local BUSINESS_STATUS = 500

--- The JSON of a body; nil when it is none.
function failure.decode(body)
  local document = type(body) == "string" and core.json.decode(body, LOOSE)
  return type(document) == "table" and document or nil
end

local entities = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

local function from_xml(body)
  local text = body:match "<message[^>]*>%s*([^<]-)%s*</message>"
  return text and text:gsub("&(%a+);", entities) or nil
end

-- The message of an Edge Integration Cell is itself a document.
local function inner_text(text)
  local inner = text:find "^%s*{" and failure.decode(text)
  return inner and type(inner.error) == "string" and inner.error or text
end

--- What the API says in an error; nil when the body is none of its forms, so that something else
-- answered.
function failure.text(body)
  if type(body) ~= "string" then return nil end
  local document = failure.decode(body)
  local text
  if document then
    local inner = type(document.error) == "table" and document.error or document
    text = inner.message
    if type(text) == "table" then text = text.value or text["#text"] end
  else
    text = from_xml(body)
  end
  if type(text) ~= "string" then return nil end
  return (inner_text(text):sub(1, TEXT_MAX):gsub("[%c\x7f]+", " "))
end

--- "integration-flow" or "api" as the client id of a service key tells: "…|it-rt-acme!b12" calls
-- flows, "…|it!b34" the API; nil when it says neither.
function failure.plan(client_id)
  if type(client_id) ~= "string" then return nil end
  if client_id:find("|it-rt", 1, true) then return "integration-flow" end
  return client_id:find("|it!", 1, true) and "api" or nil
end

local function plan_note(client_id)
  if failure.plan(client_id) ~= "integration-flow" then return "" end
  return "; this one is of plan integration-flow"
end

-- about: { role =, row = of limits, client_id = }
local hints = {
  [400] = function()
    return "the tenant does not understand the question: look at names, quotes and dates of the "
      .. "filter (times are UTC, without a zone)"
  end,
  [401] = function(about)
    return ("the API needs a service key of plan api (role %s) of this tenant"):format(about.role)
      .. plan_note(about.client_id)
  end,
  [403] = function(about)
    return ("the instance of the service key, of plan api, needs the role %s"):format(about.role)
      .. plan_note(about.client_id)
  end,
  [404] = function(about)
    return "compare the url of the service key, of plan api, with the tenant's address; for an "
      .. "Edge Integration Cell name what stands before /api/v1 in url"
      .. plan_note(about.client_id)
  end,
  [429] = function(about)
    return ("SAP allows %d requests a second for this, one user %d; wait, and see who else asks "
      .. "with this key"):format(about.row.tenant, about.row.user)
  end,
  [501] = function() return "this tenant does not know the query option: ask without it" end,
}

local function hint_of(err, about, text)
  if hints[err.status] then return hints[err.status](about) end
  if err.status == BUSINESS_STATUS and text then
    return "the tenant says what it lacks; it answers so for mistakes in the question, too"
  end
  return err.hint
end

-- "GET https://… answered 400: {…" -> "GET https://… answered 400: the text alone".
local function with_text(message, text)
  local head = message:match "^.- answered %d%d%d"
  if not head then return ("%s (%s)"):format(message, text) end
  return ("%s: %s"):format(head, text)
end

-- Of a read nothing is in doubt: what broke it off is the error.
local function settle(copy)
  local cause = copy.outcome == "in_doubt" and copy.cause
  if not cause then return end
  copy.code, copy.hint, copy.retryable = cause.code, cause.hint, cause.retryable
  copy.outcome = cause.retryable and "retryable" or "rejected"
end

--- The error of tenant:call in words of the API. about: { set =, client_id =, is_read = }.
-- err.said is what the API itself said, nil when something on the way answered.
function failure.of(err, about)
  local copy = {}
  for name, field in pairs(err) do copy[name] = field end
  if about.is_read then settle(copy) end
  local text = failure.text(err.body)
  local row = limits.row(about.set)
  copy.message = "the tenant's API: " .. (text and with_text(err.message, text)
    or err.message:gsub("no role fits the sender channel", "no role fits"))
  copy.hint = hint_of(copy, { role = row.role or "of its task", row = row,
    client_id = about.client_id }, text)
  copy.said = text
  return errors(copy)
end

--- An answer that is none of the API.
function failure.no_answer(about)
  return errors { code = "http.protocol", retryable = true,
    message = ("the tenant's API: something else than its JSON was answered for %s by %s"):format(
      about.set, about.host),
    hint = "is a proxy or a portal between?" }
end

return failure
