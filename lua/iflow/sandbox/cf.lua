--- The Cloud Foundry API v3 of the platform, as far as service instances and keys need it
--- (sap-reference 2.6), and the UAA that gives its users tokens: two names of one host. A resource
--- /v3/NAME is the file cf/resource/NAME.lua: list(cf), create(cf), show(cf, guid),
--- update(cf, guid), delete(cf, guid), and below.WORD(cf, guid) for /v3/NAME/GUID/WORD; cf is a
--- cf/context.lua.
local access = require "iflow.sandbox.cf.access"
local context = require "iflow.sandbox.cf.context"
local core = require "iflow.core"
local failure = require "iflow.sandbox.cf.failure"
local uaa = require "iflow.sandbox.cf.uaa"
local web = require "iflow.sandbox.web"

local AT_UAA = { ["/oauth/token"] = uaa.token, ["/token_keys"] = uaa.keys }
local OF_LIST = { GET = "list", POST = "create" }
local OF_ONE = { GET = "show", PATCH = "update", DELETE = "delete" }

-- The resource of that name, or nil. Names of no resource must not reach require.
local function resource(name)
  local module = "iflow.sandbox.cf.resource." .. name
  if package.loaded[module] then return package.loaded[module] end
  for _, searcher in ipairs(package.searchers) do
    local loader, extra = searcher(module)
    if type(loader) == "function" then
      package.loaded[module] = loader(module, extra)
      return package.loaded[module]
    end
  end
end

-- The function that serves the request, and the guid in its path; nil when there is none.
local function find(request)
  local name, guid, word = request.path:match "^/v3/([%l_]+)/?([%w-]*)/?([%l_]*)$"
  local of = name and resource(name)
  if not of then return nil end
  if word ~= "" then
    return request.method == "GET" and of.below and of.below[word] or nil, guid
  end
  if guid ~= "" then return of[OF_ONE[request.method]], guid end
  return of[OF_LIST[request.method]]
end

-- Where everything is: the one thing told to anybody.
local function root(tenant)
  local api, identity = tenant.addresses:url "cf", tenant.addresses:uaa_url()
  return context.json(nil, 200, { links = {
    self = { href = api }, login = { href = identity }, uaa = { href = identity },
    cloud_controller_v3 = { href = api .. "/v3", meta = { version = "3.180.0" } },
    cloud_controller_v2 = core.json.null,
  } })
end

local function serve(tenant, request)
  if request.path == "/" then return root(tenant) end
  local user, refused = access.user(tenant, request)
  if not user then return refused end
  local headers
  headers, refused = access.count(tenant, user, tenant.platform.windows)
  if not headers then return refused end
  local handler, guid = find(request)
  local answer = handler and handler(context.new(tenant, request, user), guid)
    or failure.answer "NotFound"
  for name, value in pairs(not answer.abort and headers or {}) do answer.headers[name] = value end
  return answer
end

return function(tenant, request)
  local place = tenant.addresses:cf_place(request.headers.host)
  local at_uaa = place ~= "api" and AT_UAA[request.path]
  if at_uaa then return at_uaa(tenant, request) end
  if place == "uaa" then return web.page(404, "Not Found") end
  local answer = serve(tenant, request)
  if not answer.abort then answer.headers["X-Vcap-Request-Id"] = core.crypto.uuid() end
  return answer
end
