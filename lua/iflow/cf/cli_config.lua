--- What the cf CLI knows of a log-on (`cf login`, `cf target`): its config.json. It is only read:
--- the cf CLI keeps it without a lock, so a token renewed here is not written back.
local core = require "iflow.core"
local errors = require "iflow.error"

local cli_config = {}

local MAX = 1024 * 1024

--- Where it is: below CF_HOME, else below HOME. nil without both. getenv: os.getenv.
function cli_config.path(getenv)
  for _, name in ipairs { "CF_HOME", "HOME" } do
    local home = getenv(name)
    if home and home ~= "" then return home .. "/.cf/config.json" end
  end
end

local function text(value) return type(value) == "string" and value ~= "" and value or nil end

local function field(record, name) return type(record) == "table" and text(record[name]) or nil end

local function secret(value) return text(value) and core.secret.new(value) or nil end

local function nobody(path, why)
  return nil, errors { code = "cf.login", message = ("nobody is logged on: %s"):format(why),
    hint = ("log on with cf login (its file is %s), or name --api, --user and --pass-file, or "
      .. "--sandbox"):format(path or "below $HOME/.cf") }
end

--- { api, access and refresh (secrets), client, client_secret (secret), org, space, space_guid },
--- what is not there being nil; or nil, err: cf.login when nobody is logged on there.
function cli_config.read(path)
  if not path then return nobody(path, "there is no home directory") end
  local content, err = core.file.read(path, MAX)
  if not content then
    if err.code == "file.not_found" then return nobody(path, "the cf CLI has no log-on") end
    return nil, err
  end
  local config = core.json.decode(content)
  if type(config) ~= "table" or not text(config.Target) then
    return nobody(path, "the cf CLI has no API endpoint")
  end
  local access = text(config.AccessToken)
  return {
    api = config.Target, refresh = secret(config.RefreshToken),
    access = access and core.secret.new((access:gsub("^%a+ ", ""))) or nil,
    client = text(config.UAAOAuthClient), client_secret = secret(config.UAAOAuthClientSecret),
    org = field(config.OrganizationFields, "Name"), space = field(config.SpaceFields, "Name"),
    space_guid = field(config.SpaceFields, "GUID"),
  }
end

return cli_config
