-- doctor.lua -- what iflow check finds, for the specs of its rows.
--   doctor.run(land, "secret", { to = "/http/orders" } [, tenant options]) -> report
--   doctor.first(report)   -- { step, cause, code } of the first result that is no good
local iflow = require "iflow"

local doctor = {}

--- A report about a key of the type, or about the tenant options alone when there is none.
function doctor.run(land, kind, options, more)
  local given = kind and land:tenant_options(kind, more) or more
  local tenant <close> = assert(iflow.tenant(given))
  return tenant:check(options)
end

--- The results of a step.
function doctor.step(report, name)
  local list = {}
  for _, result in ipairs(report.steps) do
    if result.step == name then list[#list + 1] = result end
  end
  return list
end

--- Step, cause and code of the first one that failed; of the first warning when none did. That
--- others may read the files of a spec is none.
function doctor.first(report)
  for _, verdict in ipairs { "failed", "warning" } do
    for _, result in ipairs(report.steps) do
      if result.verdict == verdict and result.cause ~= "readable_by_others" then
        return { result.step, result.cause, result.code }
      end
    end
  end
end

--- Every verdict that came, once.
function doctor.verdicts(report)
  local set = {}
  for _, result in ipairs(report.steps) do set[result.verdict] = true end
  return set
end

return doctor
