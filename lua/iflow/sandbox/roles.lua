--- The user roles of the tenant (sap-reference 6): two that SAP made, and those of one's own.
local errors = require "iflow.error"

local roles = {}
roles.__index = roles

local PREDEFINED = { ["ESBMessaging.send"] = "Send messages to integration flows",
                     ["API.invoke"] = "Call API artifacts" }
local NAME_MAX = 100
local MAX = 1000

local function refused(text, ...)
  return nil, errors { code = "sandbox.refused", message = text:format(...) }
end

--- state: keeps them in data.roles, name -> description.
function roles.new(state)
  state.data.roles = state.data.roles or {}
  return setmetatable({ state = state }, roles)
end

local function own(self) return self.state.data.roles end

--- Whether there is a role of exactly that name.
function roles:exists(name) return PREDEFINED[name] ~= nil or own(self)[name] ~= nil end

--- Creates a role, or changes the description of one's own. Returns { name, description }.
function roles:add(name, description)
  if type(name) ~= "string" or not name:match "^[%w_.]+$" or #name > NAME_MAX then
    return refused("'%s' is no role name: letters, digits, '_' and '.' make one, at most %d",
                   tostring(name), NAME_MAX)
  end
  if PREDEFINED[name] then return refused("the role '%s' is SAP's and cannot be changed", name) end
  local count = 0
  for _ in pairs(own(self)) do count = count + 1 end
  if count >= MAX then return refused("there are %d roles already, no more fit", MAX) end
  local old = own(self)[name]
  local ok, err = self.state:change(function(data) data.roles[name] = description or "" end,
                                    function(data) data.roles[name] = old end)
  if not ok then return nil, err end
  return { name = name, description = description or "", predefined = false }
end

--- Deletes a role of one's own. Instances that name it keep the name, which no longer helps them.
function roles:remove(name)
  if PREDEFINED[name] then return refused("the role '%s' is SAP's and cannot be removed", name) end
  local old = own(self)[name]
  if not old then return refused("there is no role '%s'", tostring(name)) end
  return self.state:change(function(data) data.roles[name] = nil end,
                           function(data) data.roles[name] = old end)
end

--- All of them by name: { name, description, predefined }.
function roles:list()
  local list = {}
  for name, description in pairs(PREDEFINED) do
    list[#list + 1] = { name = name, description = description, predefined = true }
  end
  for name, description in pairs(own(self)) do
    list[#list + 1] = { name = name, description = description, predefined = false }
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return roles
