-- show.lua -- iflow instance show NAME: what is known about a service instance.
local certificates = require "iflow.cli.certificates"
local core = require "iflow.core"
local platform = require "iflow.cli.platform"

-- The parameters as rows, under SAP's names.
local function parameter_rows(found)
  local rows, names = {}, {}
  for name in pairs(found) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = found[name]
    local simple = type(value) == "table" and core.json.is_array(value)
    for _, word in ipairs(simple and value or {}) do simple = simple and type(word) == "string" end
    local text = simple and table.concat(value, " ") or core.json.encode(value)
    rows[#rows + 1] = { name, text ~= "" and text or "-" }
  end
  return rows
end

local function print(out, instance)
  local last = instance.last_operation or {}
  local rows = { { "plan", instance.plan or "?" },
                 { "space", ("%s / %s"):format(instance.organization or "?",
                                               instance.space or "?") },
                 { "created", instance.created_at }, { "updated", instance.updated_at },
                 { "state", ("%s %s"):format(last.type or "?", last.state or "?") } }
  if last.description and last.description ~= "" then
    rows[#rows + 1] = { "reason", last.description }
  end
  if instance.parameters then
    local more = parameter_rows(instance.parameters)
    table.move(more, 1, #more, #rows + 1, rows)
  else
    rows[#rows + 1] = { "parameters", "not told by the platform" }
  end
  local names = {}
  for i, key in ipairs(instance.keys) do names[i] = key.name end
  rows[#rows + 1] = { "keys", names[1] and table.concat(names, ", ") or "none" }
  out:print(instance.name)
  certificates.print(out, rows, "  ")
end

return {
  name = "show",
  summary = "show one service instance",
  arguments = { { "name", help = "the service instance" } },
  options = platform.with {},
  run = platform.run(function(cf, args, out)
    local instance, err = cf:instance(args.name)
    if not instance then return nil, err end
    instance.keys, err = cf:keys(args.name)
    if not instance.keys then return nil, err end
    core.json.array(instance.keys)
    out:result(function() print(out, instance) end, instance)
    return 0
  end),
}
