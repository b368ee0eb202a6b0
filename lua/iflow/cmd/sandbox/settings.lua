-- settings.lua -- iflow sandbox settings [NAME=VALUE …]: what SAP does not document, and what a
-- test may want otherwise; shows all of it, or changes a running sandbox.
local assignments = require "iflow.cmd.sandbox.assignments"
local client = require "iflow.sandbox.client"
local settings = require "iflow.sandbox.settings"

local function source_of(row)
  return row.unknown and row.source .. " unknown" or row.source
end

local function show(out, list)
  if out.json_mode then
    out:json(list)
    return 0
  end
  local rows = {}
  for i, row in ipairs(list) do
    local default = row.value == row.default and "" or tostring(row.default)
    rows[i] = { row.name, tostring(row.value), default, source_of(row), row.help }
  end
  out:table({ "setting", "value", "default", "reference", "meaning" }, rows)
  return 0
end

return {
  name = "settings",
  summary = "show or change what SAP does not document",
  description = "Without NAME=VALUE it lists every setting with its value, its default where that "
    .. "differs, and the section of the reference; \"unknown\" marks a guess. NAME= goes back to "
    .. "the default. Changes stay after a restart. Without --dir it lists the defaults.",
  arguments = { { "change", args = "*", help = "NAME=VALUE" } },
  options = { { "--dir", value = "DIR", env = "IFLOW_SANDBOX", help = "the sandbox's directory" } },
  run = function(args, out)
    local given, err = assignments(args.change)
    if not given then return nil, err end
    if not args.dir and next(given) == nil then
      return show(out, settings.list(settings.new()))
    end
    local sb, list
    sb, err = client.open(args.dir or ".")
    if not sb then return nil, err end
    list, err = sb:settings(given)
    if not list then return nil, err end
    for _, row in ipairs(list) do
      if given[row.name] and row.restart then
        out:warn(("%s takes effect at the next start"):format(row.name))
      end
    end
    return show(out, list)
  end,
}
