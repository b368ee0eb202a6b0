--- What the Cloud Foundry API answers when it will not, as an iflow.error in SAP's words with the
--- next step (sap-reference 2.6). Pure: for lua/iflow/cf/*.lua.
local core = require "iflow.core"
local errors = require "iflow.error"

local refusal = {}

local TEXT_MAX = 1000 -- bytes of a foreign text that are shown
local WAIT_MAX = 86400 -- seconds that a platform can ask to wait for

local DEVELOPER = "the user needs the role Space Developer in the space: BTP cockpit > subaccount "
  .. "> Cloud Foundry > Spaces > (space) > Members, or: cf set-space-role USER ORG SPACE "
  .. "SpaceDeveloper"
local GRANTS = "give the instance the grant type first: iflow instance update NAME --grant-type "
  .. "client_credentials"

--- What to do when a plan is not offered.
refusal.ENTITLEMENT = "BTP cockpit > subaccount > Entitlements > Configure Entitlements: add SAP "
  .. "Process Integration Runtime with this plan; cf marketplace shows what there is"

--- What to do about the grant type that ended in January 2026 (sap-reference 2.2).
refusal.CLIENT_X509 = "the grant type client_x509 ended in January 2026, and an instance with it "
  .. "gets no updates and no keys; replace it: iflow instance update NAME --grant-type "
  .. "client_credentials"

-- The broker's words are not documented; these are looked for, the more special ones first.
local ADVICE = {
  { "client_x509", hint = refusal.CLIENT_X509 },
  { "client_credentials", hint = "keys with a certificate need the grant type "
    .. "client_credentials in their instance; " .. GRANTS },
  { "in progress", code = "cf.busy" },
  { "concurrent", code = "cf.busy" },
  { "name is taken", hint = "take another name; iflow instance list shows those there are" },
  { "must be unique", hint = "take another name; iflow instance key list shows those there are" },
  { "service plan", hint = refusal.ENTITLEMENT },
  { "quota", hint = refusal.ENTITLEMENT },
  { "invalid space", hint = "name organization and space of the user with --org and --space" },
  { "certificate.*already", hint = "one external certificate can be used only once in all service "
    .. "instances: several roles go into one instance, a new key needs another certificate" },
  { "certificate.*once", hint = "one external certificate can be used only once in all service "
    .. "instances: several roles go into one instance, a new key needs another certificate" },
  { "user role", hint = "create the role first: Integration Suite > Monitor > Integrations and "
    .. "APIs > Manage Security > User Roles" },
}

-- By the code of Cloud Foundry.
local CODES = {
  [1000] = { "cf.login", "log on again" },
  [10002] = { "cf.login", "log on again" },
  [10003] = { "cf.forbidden", DEVELOPER },
  [10013] = { "cf.rate_limited" },
  [10016] = { "cf.busy" },
  [60016] = { "cf.busy" },
}

-- By the status, where the code says no more.
local STATUSES = {
  [401] = { "cf.login", "log on again" }, [403] = { "cf.forbidden", DEVELOPER },
  [404] = { "cf.not_found" }, [409] = { "cf.busy" }, [429] = { "cf.rate_limited" },
}

-- One line of what came from outside.
local function line(text)
  if type(text) ~= "string" then return nil end
  text = text:gsub("%c+", " ")
  if #text <= TEXT_MAX then return text end
  return text:sub(1, (utf8.offset(text, 0, TEXT_MAX) or TEXT_MAX + 1) - 1) .. "…"
end

--- The first entry of "errors" in a decoded body: { code, title, detail }; nil when there is none.
function refusal.entry(body)
  local list = type(body) == "table" and body.errors
  local first = type(list) == "table" and list[1]
  if type(first) ~= "table" then return nil end
  return { code = math.tointeger(tonumber(first.code)), title = line(first.title),
           detail = line(first.detail) }
end

local function advice(detail)
  local text = (detail or ""):lower()
  for _, one in ipairs(ADVICE) do
    if text:find(one[1]) then return one end
  end
  return {}
end

local function words_of(entry)
  if not entry then return "without a reason" end
  return ("%s (%s%s)"):format(entry.detail or "no detail", entry.title or "CF",
                              entry.code and " " .. entry.code or "")
end

--- Seconds that an answer asks to wait: Retry-After, or until X-RateLimit-Reset; nil without both.
--- now: seconds since 1970.
function refusal.retry_after(headers, now)
  local seconds = tonumber(headers["retry-after"])
  local reset = tonumber(headers["x-ratelimit-reset"])
  if not seconds and reset then seconds = reset - now end
  return seconds and math.max(0, math.min(seconds, WAIT_MAX))
end

--- The error for an answer { status, headers, body (decoded) }. what: what was being done, for the
--- message: "create the instance 'orders'".
function refusal.of(answer, what)
  local entry = refusal.entry(answer.body)
  local known = entry and CODES[entry.code] or STATUSES[answer.status]
    or answer.status >= 500 and not entry and { "cf.unavailable" } or {}
  local told = advice(entry and entry.detail)
  return errors {
    code = known[1] or told.code or answer.status >= 500 and "cf.unavailable" or "cf.refused",
    message = ("cannot %s: the platform answered %d, %s"):format(what, answer.status,
                                                                  words_of(entry)),
    hint = known[2] or told.hint, status = answer.status,
    retry_after = answer.status == 429
      and refusal.retry_after(answer.headers, core.task.now()) or nil,
  }
end

--- The error for a job that ended FAILED. description: of the last operation, when it is known.
function refusal.of_job(job, what, description)
  local entry = refusal.entry(job)
  local told = advice(entry and entry.detail or description)
  local why = entry and words_of(entry) or line(description) or "without a reason"
  return errors { code = told.code or "cf.refused", hint = told.hint,
                  message = ("cannot %s: %s"):format(what, why) }
end

return refusal
