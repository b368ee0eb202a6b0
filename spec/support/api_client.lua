-- api_client.lua -- asks the OData API of a sandbox, for specs.
--   local api = api_client.open(sb, { "MonitoringDataRead" })      -- a key of plan api, its token
--   local answer, body = api:get("/MessageProcessingLogs", { ["$top"] = 2 })   -- body: decoded
local core = require "iflow.core"
local support = require "spec.support.sandbox"

local api_client = {}

local class = {}
class.__index = class

function api_client.open(sb, roles)
  local key = support.key(sb, "secret", { plan = "api", roles = roles })
  return setmetatable({ sb = sb, key = key, authorization = support.bearer(sb, key) }, class)
end

local function escape(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- "/Set?…" from a path and a table of query options.
function api_client.target(path, options)
  local parts = {}
  for name, value in pairs(options or {}) do parts[#parts + 1] = name .. "=" .. escape(value) end
  table.sort(parts)
  return path .. (#parts > 0 and "?" .. table.concat(parts, "&") or "")
end

--- One request below /api/v1: the answer, and its body when that is JSON. fields: as of
--- support.request; JSON is asked for unless its headers say otherwise.
function class:request(method, target, fields)
  local all = { method = method, path = "/api/v1" .. target, headers = {
    Authorization = self.authorization, Accept = "application/json" } }
  for name, value in pairs(fields or {}) do
    if name ~= "headers" then all[name] = value end
  end
  for name, value in pairs((fields or {}).headers or {}) do all.headers[name] = value or nil end
  local answer = assert(support.request(self.sb, "api", all))
  return answer, core.json.decode(answer.body)
end

function class:get(path, options, fields)
  return self:request("GET", api_client.target(path, options), fields)
end

--- The values of a property in a feed.
function api_client.column(body, name)
  local list = {}
  for i, record in ipairs(body.d.results) do list[i] = record[name] end
  return list
end

return api_client
