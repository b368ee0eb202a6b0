--- Whether the address is one that a flow serves: its prefix, and what the tenant's API says is
--- deployed, with the nearest when it is none.
local causes = require "iflow.check.causes"
local suggest = require "iflow.suggest"

local PREFIXES = { "/http/", "/cxf/", "/as2/", "/gw/odata/", "/local/" }

local function path_of(url) return url:match "^https?://[^/]+([^?#]*)" or "/" end

local function without_prefix(path) return path:match "^/[^/]+(/.*)$" or path end

local function has_prefix(path)
  for _, prefix in ipairs(PREFIXES) do
    if path:sub(1, #prefix) == prefix then return true end
  end
  return path:find "/as2$" ~= nil
end

-- An endpoint also serves what lies below it, when it ends with /*, or is one of the adapters that
-- always do.
local function serves(endpoint, path)
  local own = path_of(endpoint.url)
  if own == path then return true end
  local below = own:match "^(.*)/%*$" or own:find "^/cxf/" and own
  return below ~= nil and path:sub(1, #below + 1) == below .. "/"
end

local function same_but(path, paths, change)
  for _, other in ipairs(paths) do
    if change(other) == change(path) then return other end
  end
end

local function near(path, paths)
  local other = same_but(path, paths, string.lower)
  if other then return other, "case" end
  other = same_but(path, paths, without_prefix)
  if other then return other, "prefix" end
  return suggest.nearest(path, paths), "name"
end

local WORDS = { case = "only upper and lower case differ", prefix = "only the prefix differs",
  name = "that is near" }

local function undeployed(look, path, paths)
  local other, difference = near(path, paths)
  local row = causes.of("endpoint", { status = 404 }, look:about())
  local hint = other and (", but %s: %s"):format(other, WORDS[difference]) or ""
  return { verdict = "failed", code = row.code,
    cause = other and "address_" .. difference or row.name,
    evidence = ("no deployed flow serves %s%s"):format(path, hint),
    next_step = other and "send to " .. other or row.next_step }
end

local function ask(look, path)
  local api, err = look:open_api()
  local list
  if api then list, err = api:endpoints() end
  if err then
    return { verdict = "warning", code = err.code, cause = "api",
      evidence = "the tenant's API does not tell: " .. err.message, next_step = err.hint }
  elseif not list then
    return nil
  end
  local paths = {}
  for i, endpoint in ipairs(list) do
    if serves(endpoint, path) then
      return { verdict = "fine", evidence = ("%s is served by the flow %s"):format(path,
        endpoint.flow or endpoint.name) }
    end
    paths[i] = path_of(endpoint.url)
  end
  return undeployed(look, path, paths)
end

return {
  name = "address", needs = { "configuration" },
  applies = function(look) return look.tenant and look.to ~= nil end,
  run = function(look)
    local path = path_of(look.to)
    local told = ask(look, path)
    if told then return told end
    if not has_prefix(path) then
      return { verdict = "warning", cause = "address_prefix", evidence = ("%s begins with none of "
        .. "the prefixes of SAP's adapters"):format(path),
        next_step = "HTTPS channels are below /http/, SOAP, IDoc and XI below /cxf/, AS2 below "
          .. "/as2/, OData below /gw/odata/" }
    end
    if look.options.csrf or look.options.send then return {} end -- 'endpoint' will tell
    return { verdict = "unknown", evidence = "what is deployed is known to the tenant's API only",
      next_step = "give a service key of plan api with --api-key, or compare with Monitor > Manage "
        .. "Integration Content > the flow > Endpoints" }
  end,
}
