--- The resources of the Cloud Foundry API as it shows them. url: a function from a path to its URL.
local find = require "iflow.sandbox.cf.find"
local json = require "iflow.core".json
local parameters = require "iflow.sandbox.broker.parameters"
local plans = require "iflow.sandbox.broker.plans"
local platform = require "iflow.sandbox.cf.platform"

local present = {}

-- "2016-10-19T20:25:04Z"
local function time(seconds) return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds)) end

local function to_one(guid) return { data = { guid = guid } } end
local function link(url, path) return { href = url(path) } end

local function metadata(record)
  local kept = record.metadata or {}
  return { labels = json.object(kept.labels or {}),
           annotations = json.object(kept.annotations or {}) }
end

-- Records from before there was a last operation were created in one step.
local function operation(record)
  local last = record.operation or { type = "create", state = "succeeded", description = "",
                                     created = record.created, updated = record.created }
  return { type = last.type, state = last.state, description = last.description,
           created_at = time(last.created), updated_at = time(last.updated) }
end

function present.instance(tenant, instance, url)
  local own = "/v3/service_instances/" .. instance.guid
  local plan = plans.named(instance.plan).guid
  local space = tenant.platform:data().space
  local bindings = "bindings?service_instance_guids=" .. instance.guid
  return {
    guid = instance.guid, created_at = time(instance.created),
    updated_at = time(instance.updated or instance.created), name = instance.name,
    type = "managed", tags = json.array { table.unpack(instance.tags or {}) },
    maintenance_info = json.object {}, upgrade_available = false, dashboard_url = json.null,
    last_operation = operation(instance), metadata = metadata(instance),
    relationships = { space = to_one(space), service_plan = to_one(plan) },
    links = { self = link(url, own), parameters = link(url, own .. "/parameters"),
              space = link(url, "/v3/spaces/" .. space),
              service_plan = link(url, "/v3/service_plans/" .. plan),
              service_credential_bindings = link(url, "/v3/service_credential_" .. bindings),
              service_route_bindings = link(url, "/v3/service_route_" .. bindings) },
  }
end

--- What GET …/parameters shows of an instance.
present.parameters = parameters.of_instance

function present.key(key, instance, url)
  local own = "/v3/service_credential_bindings/" .. key.guid
  return {
    guid = key.guid, created_at = time(key.created), updated_at = time(key.updated or key.created),
    name = key.name, type = "key", last_operation = operation(key), metadata = metadata(key),
    relationships = { service_instance = to_one(instance.guid) },
    links = { self = link(url, own), details = link(url, own .. "/details"),
              parameters = link(url, own .. "/parameters"),
              service_instance = link(url, "/v3/service_instances/" .. instance.guid) },
  }
end

function present.plan(tenant, plan, url)
  local own, since = "/v3/service_plans/" .. plan.guid, tenant.platform:data().created
  return {
    guid = plan.guid, created_at = time(since), updated_at = time(since), name = plan.name,
    visibility_type = "organization", available = true, free = false, costs = json.array {},
    description = plan.description, maintenance_info = json.object {},
    broker_catalog = { id = plan.id, metadata = json.object {},
                       maximum_polling_duration = json.null,
                       features = { bindable = true, plan_updateable = false } },
    schemas = { service_instance = { create = json.object {}, update = json.object {} },
                service_binding = { create = json.object {} } },
    relationships = { service_offering = to_one(plans.OFFERING.guid) }, metadata = metadata {},
    links = { self = link(url, own), visibility = link(url, own .. "/visibility"),
              service_offering = link(url, "/v3/service_offerings/" .. plans.OFFERING.guid) },
  }
end

function present.offering(tenant, url)
  local offering, since = plans.OFFERING, tenant.platform:data().created
  return {
    guid = offering.guid, created_at = time(since), updated_at = time(since), name = offering.name,
    description = offering.description, available = true, tags = json.array {},
    requires = json.array {}, shareable = false, documentation_url = json.null,
    broker_catalog = { id = offering.id, metadata = json.object {}, features = {
      plan_updateable = false, bindable = true, bindings_retrievable = false,
      instances_retrievable = tenant.settings.cf_parameters_retrievable,
      allow_context_updates = false } },
    relationships = { service_broker = { data = { guid = offering.broker.guid,
                                                  name = offering.broker.name } } },
    metadata = metadata {},
    links = { self = link(url, "/v3/service_offerings/" .. offering.guid),
              service_plans = link(url, "/v3/service_plans?service_offering_guids="
                .. offering.guid) },
  }
end

function present.job(tenant, job, url)
  local links = { self = link(url, "/v3/jobs/" .. job.guid) }
  if find.instance(tenant, job.resource_guid) or find.key(tenant, job.resource_guid) then
    links[job.resource_type] = link(url, ("/v3/%s/%s"):format(job.resource_type, job.resource_guid))
  end
  return { guid = job.guid, created_at = time(job.created), updated_at = time(job.updated),
           operation = job.operation, state = tenant.platform.jobs:state(job), links = links,
           errors = job.errors or json.array {}, warnings = job.warnings or json.array {} }
end

function present.space(tenant, url)
  local data = tenant.platform:data()
  return { guid = data.space, created_at = time(data.created), updated_at = time(data.created),
           name = platform.SPACE, suspended = false, metadata = metadata {},
           relationships = { organization = to_one(data.organization),
                             quota = { data = json.null } },
           links = { self = link(url, "/v3/spaces/" .. data.space),
                     organization = link(url, "/v3/organizations/" .. data.organization) } }
end

function present.organization(tenant, url)
  local data = tenant.platform:data()
  return { guid = data.organization, created_at = time(data.created),
           updated_at = time(data.created), name = platform.ORGANIZATION, suspended = false,
           metadata = metadata {}, relationships = { quota = { data = json.null } },
           links = { self = link(url, "/v3/organizations/" .. data.organization) } }
end

return present
