-- endpoints.lua -- iflow tenant endpoints [NAME]: where deployed integration flows are called.
local shared = require "iflow.cli.tenant_api"

local function matches(wanted, ...)
  if not wanted then return true end
  for _, text in ipairs { ... } do
    if text:lower():find(wanted:lower(), 1, true) then return true end
  end
  return false
end

-- Status by flow; {} when the tenant does not show it, which is no reason to show nothing.
local function statuses(api, out)
  local list, err = api:artifacts()
  if not list then out:warn("the status of the flows is unknown: " .. err.message) end
  local by_id = {}
  for _, artifact in ipairs(list or {}) do
    if artifact.id then by_id[artifact.id] = artifact.status or "?" end
  end
  return by_id, list or {}
end

-- The endpoints that are wanted, with the status of their flows; and the flows that have none yet.
local function collect(api, args, out)
  local endpoints, err = api:endpoints { protocol = args.protocol }
  if not endpoints then return nil, err end
  local by_id, artifacts = statuses(api, out)
  local chosen, has_endpoint = {}, {}
  for _, endpoint in ipairs(endpoints) do
    endpoint.status = by_id[endpoint.flow]
    if endpoint.flow then has_endpoint[endpoint.flow] = true end
    if matches(args.name, endpoint.flow or "", endpoint.name or "", endpoint.url) then
      chosen[#chosen + 1] = endpoint
    end
  end
  local without = {}
  for _, artifact in ipairs(artifacts) do
    if artifact.id and not has_endpoint[artifact.id] and artifact.status ~= "STARTED"
      and matches(args.name, artifact.id, artifact.name or "") then
      without[#without + 1] = artifact
    end
  end
  table.sort(chosen, function(a, b) return a.url < b.url end)
  return { chosen = chosen, without = without, total = #endpoints }
end

local function print_notes(out, found, args)
  for _, artifact in ipairs(found.without) do
    out:note(("%s is %s and has no endpoint%s"):format(shared.text(artifact.id),
      shared.text(artifact.status or "?"), artifact.status == "ERROR"
        and "; iflow tenant artifacts tells why" or " yet"))
  end
  if #found.chosen == 0 and found.total > 0 and args.name then
    out:note(("no endpoint has '%s' in its name or URL; there %s %d"):format(
      shared.text(args.name), found.total == 1 and "is" or "are", found.total))
  elseif found.total == 0 and args.protocol then
    out:note(("no endpoint has the protocol '%s' (REST, SOAP, ODATAV2, AS2, AS4, in capitals)")
      :format(shared.text(args.protocol)))
  elseif found.total == 0 then
    out:note "no endpoint is shown; one appears 30 s to some minutes after its flow has started"
  end
end

local function run(args, out)
  local api <close>, err = shared.open(args, out)
  if not api then return nil, err end
  local found
  found, err = collect(api, args, out)
  if not found then return nil, err end
  if out.json_mode then
    out:json { endpoints = shared.values(found.chosen), without = shared.values(found.without) }
    return 0
  end
  local rows = {}
  for i, endpoint in ipairs(found.chosen) do
    rows[i] = { shared.text(endpoint.flow, 40), shared.text(endpoint.protocol),
      shared.text(endpoint.type), shared.text(endpoint.status), shared.text(endpoint.url) }
  end
  if #rows > 0 then out:table({ "flow", "protocol", "type", "status", "url" }, rows) end
  print_notes(out, found, args)
  return 0
end

return {
  name = "endpoints",
  summary = "show where deployed integration flows are called",
  description = "Protocol REST is the HTTPS adapter, SOAP is SOAP and IDoc. An endpoint is shown "
    .. "30 s to some minutes after its flow has started.",
  arguments = { { "name", args = "?",
                  help = "only those with this in the name of the flow or in the URL" } },
  options = shared.with {
    { "--protocol", value = "PROTOCOL", env = false,
      help = "only those with this protocol: REST, SOAP, ODATAV2, AS2, AS4" },
  },
  run = run,
}
