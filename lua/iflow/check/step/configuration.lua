--- What can be said before anything goes over the network: the service key, its plan and address,
--- and who can read the files with secrets.
local core = require "iflow.core"
local odata = require "iflow.odata"

local function not_open(why)
  return { verdict = "failed", code = why.code, evidence = why.message, next_step = why.hint,
    cause = "configuration" }
end

-- Whether others than the owner can read a file.
local function is_open(path)
  local stat = core.file.stat(path, { follow = true })
  return stat and stat.kind == "file" and tonumber(stat.mode, 8) & 63 ~= 0
end

local function add_files(found, tenant)
  local options = tenant.options
  for _, path in ipairs(tenant.paths) do
    local secret = path ~= options.cacert and path ~= options.trust
      and not (path == options.cert and options.key)
    if secret and is_open(path) then
      found[#found + 1] = { verdict = "warning", cause = "readable_by_others",
        evidence = ("others can read %s"):format(path), next_step = "chmod 600 " .. path }
    end
  end
end

local function add_plan(found, key)
  if odata.plan(key.client_id) ~= "api" then return end
  found[#found + 1] = { verdict = "warning", cause = "wrong_plan",
    evidence = "the client id is one of plan api: flows take keys of plan integration-flow",
    next_step = "BTP cockpit > Services > Instances and Subscriptions > Create: Process "
      .. "Integration Runtime, plan integration-flow, and a key of it" }
end

return {
  name = "configuration",
  run = function(look)
    if look.why then return not_open(look.why) end
    local key = look.key
    local found = { { verdict = "fine", evidence = ("%s: key of type %s, client %s"):format(
      key.name, key.type, key.client_id) } }
    if not look:place "runtime" then
      found[1] = { verdict = "failed", code = "service_key.field", cause = "no_address",
        evidence = ("%s names no url of a runtime"):format(key.name),
        next_step = "give --url, or a full URL as TO" }
    end
    for _, text in ipairs(key.warnings) do
      found[#found + 1] = { verdict = "warning", evidence = text, cause = "service_key",
        next_step = "download the service key again" }
    end
    add_plan(found, key)
    add_files(found, look.tenant)
    return found
  end,
}
