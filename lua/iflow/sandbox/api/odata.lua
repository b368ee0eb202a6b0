--- The tenant's OData V2 API below /api/v1 (sap-reference 7): who calls with credentials of plan
--- api, how often, what the path names, whether the roles allow it, query options, format.
local atom_format = require "iflow.sandbox.api.atom_format"
local authentication = require "iflow.sandbox.authentication"
local csrf = require "iflow.sandbox.api.csrf"
local deployment = require "iflow.sandbox.api.deployment"
local json_format = require "iflow.sandbox.api.json_format"
local metadata = require "iflow.sandbox.api.metadata"
local query = require "iflow.sandbox.api.query"
local rates = require "iflow.sandbox.api.rates"
local refusal = require "iflow.sandbox.api.refusal"
local resource = require "iflow.sandbox.api.resource"
local sets = require "iflow.sandbox.api.sets"
local uri = require "iflow.sandbox.api.uri"
local web = require "iflow.sandbox.web"
local xml = require "iflow.sandbox.api.xml"

local READS = { GET = true, HEAD = true }
local FORMATS = { json = json_format, ["application/json"] = json_format, xml = atom_format,
                  atom = atom_format, ["application/atom+xml"] = atom_format,
                  ["application/xml"] = atom_format }

-- A call: { tenant, request, root, path, segments, options, format }, and how it is refused.
local call = {}
call.__index = call

function call:refuse(status, text)
  return refusal(self.tenant, self.format ~= atom_format, status, "%s", text)
end

function call:forbid(roles)
  return web.because(web.forbidden(self.tenant.settings.forbidden_body),
                     "role: instance roles %s lack %s", web.names(self.request.caller.roles), roles)
end

-- Completes the call; an answer when the request makes no sense.
local function read(self)
  local request = self.request
  local prefix = (request.api_prefix or "") .. "/api/v1"
  self.path, self.root = request.path:sub(#prefix + 1), self.tenant.addresses:url "api" .. prefix
  self.format = web.wants_json(request.headers) and json_format or atom_format
  self.options = uri.options(request.query)
  if not self.options then return self:refuse(400, "the query has a broken escape") end
  local wanted = self.options["$format"]
  if wanted then
    local format = FORMATS[wanted:lower()]
    if not format then return self:refuse(406, "there is no $format " .. wanted) end
    self.format = format
  end
  self.segments = uri.segments(self.path)
  if not self.segments then return self:refuse(400, "the path is malformed") end
end

local function too_many(self, family)
  if not self.tenant.settings.api_rates then return nil end
  self.tenant.api_limits = self.tenant.api_limits or rates.new(self.tenant.now)
  local limit, again = self.tenant.api_limits:exceeded(family, self.request.caller.client_id)
  if not limit then return nil end
  local answer = self:refuse(429, ("more than %d requests a second"):format(limit))
  answer.headers["Retry-After"] = tostring(again)
  return answer
end

-- What is answered for each kind of resource: function(self, found) -> answer; or nil, status,
-- text.
local show = {}

function show.feed(self, found)
  local page, status, text = query.feed(self, found.set, found.records,
                                        uri.escape(self.path:sub(2)):gsub("%%2F", "/"))
  if not page then return nil, status, text end
  return web.because(self.format.feed(page, found.set), "api: %d of %s", #page.records,
                     found.set.name)
end

function show.count(self, found)
  local count, status, text = query.count(found.set, found.records, self.options)
  if not count then return nil, status, text end
  return web.because(web.text(200, tostring(count)), "api: $count of %s", found.set.name)
end

function show.entry(self, found)
  local page, status, text = query.page(self, found.set)
  if not page then return nil, status, text end
  return web.because(self.format.entry(page, found.set, found.record), "api: one of %s",
                     found.set.name)
end

function show.property(self, found)
  return web.because(self.format.property(found.record, found.property), "api: %s",
                     found.property[1])
end

local function value_text(value, kind)
  if value == nil then return nil end
  return kind == "Edm.DateTime" and xml.date(value) or tostring(value)
end

function show.value(self, found)
  local text, kind
  if found.property then
    local name, edm = table.unpack(found.property)
    text, kind = value_text(found.record[name], edm), "text/plain;charset=utf-8"
  else
    text, kind = found.set.value(self.tenant, found.record)
  end
  if not text then
    return web.because({ status = 204, headers = {}, body = "" }, "api: %s has no text here",
                       found.set.name)
  end
  return web.because(web.text(200, text, { ["Content-Type"] = kind }), "api: $value of %s",
                     found.set.name)
end

local IS_FEED = { feed = true, count = true }

local function get(self, found)
  local fine, status, text = query.check(self.options, IS_FEED[found.kind])
  local answer
  if fine then answer, status, text = show[found.kind](self, found) end
  if not answer then return self:refuse(status, text) end
  return csrf.offer(self.tenant, self.request, answer)
end

local function has_role(self, roles)
  for _, role in ipairs(roles) do
    if self.request.caller.roles[role] then return true end
  end
  return false
end

local function delete(self, found)
  local set = found.set
  if found.kind ~= "entry" or not set.delete then
    return self:refuse(405, "what is here cannot be deleted")
  elseif not has_role(self, set.delete_roles) then
    return self:forbid(table.concat(set.delete_roles, " or "))
  end
  local refused = csrf.check(self.tenant, self.request)
  if refused then return refused end
  local ok, err = set.delete(self.tenant, found.record)
  if not ok then return self:refuse(500, err.message) end
  return web.because({ status = 202, headers = {}, body = "" }, "api: %s '%s' deleted", set.type,
                     found.record[set.key])
end

local function entity(self)
  local set = sets.find(self.segments[1].name)
  local refused = set and too_many(self, set.family)
  if refused then return refused end
  local found, status, text = resource.find(self.tenant, self.request.caller, self.segments)
  if status == 403 then return self:forbid(text) end
  if not found then return self:refuse(status, text) end
  if READS[self.request.method] then return get(self, found) end
  if self.request.method == "DELETE" then return delete(self, found) end
  return self:refuse(405, ("%s is not offered here"):format(self.request.method))
end

-- What is no entity set. Every credential of the plan may look at these.
local SPECIAL = {
  ["$metadata"] = function(self)
    return csrf.offer(self.tenant, self.request, metadata())
  end,
  ["$batch"] = function(self) return self:refuse(501, "$batch is not supported") end,
  [deployment.NAME] = function(self)
    return too_many(self, "design") or deployment.serve(self)
  end,
}

local function service(self)
  local answer = self.format.service(self.root)
  return csrf.offer(self.tenant, self.request, web.because(answer, "api: the service document"))
end

return function(tenant, request)
  local refused = tenant.balancer:pass(request) or authentication(tenant, request, "api")
  if refused then return refused end
  local self = setmetatable({ tenant = tenant, request = request }, call)
  refused = read(self)
  if refused then return refused end
  local first = self.segments[1]
  local special = first and SPECIAL[first.name]
  if first and not special then return entity(self) end
  if not READS[request.method] and first == nil then
    return self:refuse(405, ("%s is not offered here"):format(request.method))
  end
  return (special or service)(self)
end
