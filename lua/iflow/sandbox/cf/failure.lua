--- Errors of the Cloud Foundry API v3: {"errors":[{"code","title","detail"}]} (sap-reference 2.6).
local core = require "iflow.core"

local failure = {}

-- title without "CF-" -> status, code, text; %s takes the detail.
local KINDS = {
  InvalidAuthToken = { 401, 1000, "Invalid Auth Token" },
  MessageParseError = { 400, 1001, "Request invalid due to parse error: %s" },
  NotFound = { 404, 10000, "Unknown request" },
  NotAuthenticated = { 401, 10002, "Authentication error" },
  NotAuthorized = { 403, 10003, "You are not authorized to perform the requested action" },
  BadQueryParameter = { 400, 10005, "The query parameter is invalid: %s" },
  UnprocessableEntity = { 422, 10008, "%s" },
  UnableToPerform = { 400, 10009, "%s" },
  ResourceNotFound = { 404, 10010, "%s" },
  RateLimitExceeded = { 429, 10013, "Rate Limit Exceeded" },
  ServiceBrokerRateLimitExceeded = { 429, 10016,
    "Service broker concurrent request limit exceeded" },
  ServiceInstanceNotFound = { 404, 60004, "The service instance could not be found: %s" },
  AsyncServiceInstanceOperationInProgress = { 409, 60016,
    "An operation for service instance %s is in progress." },
  ServiceFetchBindingParametersNotSupported = { 502, 90007,
    "This service does not support fetching service binding parameters." },
  ServiceFetchInstanceParametersNotSupported = { 400, 120004,
    "This service does not support fetching service instance parameters." },
}

--- One entry of "errors".
function failure.entry(title, detail)
  local kind = KINDS[title]
  return { code = kind[2], title = "CF-" .. title, detail = kind[3]:format(detail) }
end

--- An answer with status, headers and body.
function failure.answer(title, detail, headers)
  headers = headers or {}
  headers["Content-Type"] = "application/json; charset=utf-8"
  local entry = failure.entry(title, detail)
  return { status = KINDS[title][1], headers = headers, rule = "cf: " .. entry.detail,
           body = assert(core.json.encode { errors = { entry } }) }
end

local SHORT = 1000 -- bytes

--- A text that is kept: it may repeat what was sent, which may be long.
function failure.short(text)
  return #text > SHORT and text:sub(1, utf8.offset(text, 0, SHORT) - 1) .. "…" or text
end

return failure
