--- Who asks the Cloud Foundry API: the tokens of its UAA (sap-reference 2.6), by password, one-time
--- passcode, or refresh token. For lua/iflow/cf/connection.lua. The UAA takes no part in SAP's
--- token servers: its client is "cf" with an empty secret.
local core = require "iflow.core"
local errors = require "iflow.error"
local query = require "iflow.cf.query"

local logon = {}
logon.__index = logon

local ANSWER_MAX = 256 * 1024

--- options: user and password (secret) | passcode (secret) | access and refresh (secrets; either
--- may be nil), origin; client and client_secret (secret) when they are not those of the cf CLI.
--- send: function(request) -> answer | nil, err, as core.http.request, with the way there. uaa:
--- function() -> { uaa =, login = } | nil, err, the addresses.
function logon.new(options, send, uaa)
  local self = setmetatable({ options = options, send = send, uaa = uaa, refresh = options.refresh,
                              passcode = options.passcode }, logon)
  self.access = options.access
  return self
end

local function failed(text, hint)
  return nil, errors { code = "cf.login", message = text, hint = hint }
end

-- What the UAA says, without what it was told.
local function description(body)
  local text = type(body) == "table" and (body.error_description or body.error)
  if type(text) ~= "string" then return "without a reason" end
  return (text:gsub("%c+", " "):sub(1, 300))
end

local function hint_of(self, form, login)
  if form.passcode then
    return ("a passcode works once, for a few minutes; get a new one at %s/passcode"):format(login)
  elseif form.grant_type == "refresh_token" then
    return "the log-on has expired; log on again (cf login)"
  end
  return ("check user and password%s; with single sign-on get a one-time passcode at %s/passcode "
    .. "and give its file with --passcode-file; a second factor follows the password behind a ':'")
    :format(self.options.origin and "" or ", and --origin when the user is of another identity "
            .. "provider", login)
end

local function judge(self, answer, form, login)
  local body = core.json.decode(answer.body)
  if answer.status == 200 and type(body) == "table" and type(body.access_token) == "string" then
    self.access = core.secret.new(body.access_token)
    if type(body.refresh_token) == "string" then
      self.refresh = core.secret.new(body.refresh_token)
    end
    return true
  elseif answer.status == 429 or answer.status >= 500 then
    return nil, errors { code = "cf.unavailable", status = answer.status,
      message = ("the log-on server of the platform answered %d"):format(answer.status) }
  elseif answer.status == 200 or answer.status == 404 then
    return nil, errors { code = "cf.bad_answer", status = answer.status,
      message = ("the log-on server answered %d, and no token"):format(answer.status) }
  end
  return failed(("the platform refuses the log-on of %s: %s"):format(
    form.username and "user '" .. form.username .. "'" or form.passcode and "the passcode"
      or "the refresh token", description(body)), hint_of(self, form, login))
end

local function ask(self, form)
  local addresses, err = self.uaa()
  if not addresses then return nil, err end
  local client, secret = self.options.client or "cf", self.options.client_secret
  local hint = form.username and self.options.origin
    and "?" .. query { login_hint = core.json.encode { origin = self.options.origin } } or ""
  local answer
  answer, err = self.send {
    url = addresses.uaa .. "/oauth/token" .. hint, method = "POST", body = query(form),
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded", Accept = "application/json",
                Authorization = "Basic " .. core.crypto.base64(client .. ":"
                  .. (secret and secret:reveal() or "")) },
    max_body = ANSWER_MAX,
  }
  if not answer then return nil, err end
  return judge(self, answer, form, addresses.login)
end

-- By what was given at first; a passcode works once.
local function log_on(self)
  local options = self.options
  if options.user and options.password then
    return ask(self, { grant_type = "password", username = options.user,
                       password = options.password:reveal() })
  elseif self.passcode then
    local passcode = self.passcode
    self.passcode = nil
    return ask(self, { grant_type = "password", passcode = passcode:reveal() })
  end
  return failed("the platform does not take the token any more", "log on again (cf login)")
end

--- A new access token: by the refresh token, else as at first. true | nil, err.
function logon:renew()
  self.access = nil
  if not self.refresh then return log_on(self) end
  local ok, err = ask(self, { grant_type = "refresh_token", refresh_token = self.refresh:reveal() })
  if ok or err.code ~= "cf.login" then return ok, err end
  self.refresh = nil
  if not (self.options.password or self.passcode) then return nil, err end
  return log_on(self)
end

--- The value of the header Authorization; logs on when nobody has yet. Or nil, err.
function logon:header()
  if not self.access then
    local ok, err = self:renew()
    if not ok then return nil, err end
  end
  return "bearer " .. self.access:reveal()
end

return logon
