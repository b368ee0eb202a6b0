--- The Cloud Foundry landscape around the tenant: one organization with one space, its users, and
--- the jobs. Kept in the tenant's state, under "cf".
local core = require "iflow.core"
local errors = require "iflow.error"
local jobs = require "iflow.sandbox.cf.jobs"
local last_operation = require "iflow.sandbox.broker.last_operation"
local signer = require "iflow.sandbox.cf.signer"
local work = require "iflow.sandbox.cf.work"

local platform = {}
platform.__index = platform

platform.ORGANIZATION, platform.SPACE = "acme", "dev"
platform.FIRST_USER = "developer"
-- What a user may do in the space.
local ROLES = { developer = true, auditor = true, none = true }
local USERS_MAX = 100
local PASSCODE_LIFE = 300 -- seconds
local PASSCODES_MAX = 1000

local function refused(text, ...)
  return nil, errors { code = "sandbox.refused", message = text:format(...) }
end

local function fresh(now)
  return { organization = core.crypto.uuid(), space = core.crypto.uuid(), created = now,
           jobs = core.json.array {},
           users = { [platform.FIRST_USER] = {
             guid = core.crypto.uuid(), role = "developer",
             password = core.crypto.base64url(core.crypto.random(18)) } } }
end

--- tenant: state, settings, now, broker, dir.
function platform.new(tenant)
  local data = tenant.state.data
  data.cf = data.cf or fresh(tenant.now())
  local self = setmetatable({ tenant = tenant, windows = {}, passcodes = {},
                              signer = signer.new(tenant.dir .. "/authority") }, platform)
  self.jobs = jobs.new(tenant, data.cf.jobs, work.of(tenant))
  return self
end

function platform:data() return self.tenant.state.data.cf end

-- What no job will end any more was cut off by a kill.
local function give_up(record, resources, now)
  if last_operation.in_progress(record) and not resources[record.guid] then
    last_operation.fail(record, "The operation was interrupted.", now)
  end
end

--- Goes on with the jobs that a restart has left open.
function platform:resume()
  local resources, now = self.jobs:resume(), self.tenant.now()
  for _, instance in pairs(self.tenant.broker:instances()) do
    give_up(instance, resources, now)
    for _, key in pairs(instance.keys) do give_up(key, resources, now) end
  end
end

function platform:close() self.jobs:close() end

--- The user of that name: { guid, role, password, second_factor }; nil when there is none.
function platform:user(name)
  if type(name) ~= "string" then return nil end
  return self:data().users[name]
end

--- Whether the password is the user's. One with a second factor appends ":" and that.
function platform.has_password(user, password)
  local wanted = user.password .. (user.second_factor and ":" .. user.second_factor or "")
  return core.crypto.sha256(wanted) == core.crypto.sha256(password)
end

--- A one-time passcode, as a user of single sign-on gets it in the browser; it lives for five
--- minutes, and not longer than the sandbox runs. Or nil, err.
function platform:passcode(name)
  if not self:user(name) then return refused("there is no user '%s'", tostring(name)) end
  local now, count = self.tenant.now(), 0
  for code, one in pairs(self.passcodes) do
    if now >= one.ends then self.passcodes[code] = nil else count = count + 1 end
  end
  if count >= PASSCODES_MAX then return refused "there are too many passcodes" end
  local code = core.crypto.base64url(core.crypto.random(15))
  self.passcodes[code] = { name = name, ends = now + PASSCODE_LIFE }
  return code
end

--- The name and record of the user whose passcode that is; it has worked then. nil for no passcode.
function platform:take_passcode(code)
  local one = self.passcodes[code]
  self.passcodes[code] = nil
  if not one or self.tenant.now() >= one.ends then return nil end
  return one.name, self:user(one.name)
end

local function show(name, user)
  return { name = name, role = user.role, second_factor = user.second_factor ~= nil }
end

--- All users, without their passwords.
function platform:users()
  local list = {}
  for name, user in pairs(self:data().users) do list[#list + 1] = show(name, user) end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- Adds a user, or replaces one. given: password, role ("developer", "auditor" in the space, or
--- "none"), second_factor. Returns { name, role, second_factor }, or nil, err.
function platform:add_user(name, given)
  if type(name) ~= "string" or not name:match "^[%w@._+-]+$" or #name > 100 then
    return refused("'%s' is no user name", tostring(name))
  end
  local role = given.role or "developer"
  if not ROLES[role] then
    return refused("there is no role '%s'; there are developer, auditor and none", tostring(role))
  end
  local password = given.password
  if type(password) ~= "string" or password == "" or #password > 1000 then
    return refused "the user needs a password"
  end
  local users = self:data().users
  local old = users[name]
  if not old and #self:users() >= USERS_MAX then
    return refused("there are %d users already", USERS_MAX)
  end
  local user = { guid = old and old.guid or core.crypto.uuid(), role = role, password = password,
                 second_factor = given.second_factor }
  local ok, err = self.tenant.state:change(function() users[name] = user end,
                                           function() users[name] = old end)
  if not ok then return nil, err end
  return show(name, user)
end

function platform:remove_user(name)
  local users = self:data().users
  local old = users[name]
  if not old then return refused("there is no user '%s'", tostring(name)) end
  return self.tenant.state:change(function() users[name] = nil end,
                                  function() users[name] = old end)
end

--- What a client needs to log on, for DIR/cf.json.
function platform:logon()
  local addresses = self.tenant.addresses
  local user = self:user(platform.FIRST_USER)
  return { api = addresses:url "cf", uaa = addresses:uaa_url(), user = user and platform.FIRST_USER,
           password = user and user.password, organization = platform.ORGANIZATION,
           space = platform.SPACE, space_guid = self:data().space }
end

return platform
