--- A report of iflow check as plugins of Nagios, Icinga and Checkmk print theirs: a line of text,
-- and behind a bar figures for graphs; the exit code says the rest. Internal; for `iflow check`.
--
--   local status = nagios(report, { warning = 30, critical = 7, seconds = 0.4 })
--   status: { name = "OK" | "WARNING" | "CRITICAL" | "UNKNOWN", exit_code = 0 … 3, text = the line,
--     performance = { { label =, value =, warn =, crit =, unit = } … } }
--
-- CRITICAL: a step failed, or a credential in use has less than `critical` days left. WARNING: a
-- step warns, so for less than `warning` days. UNKNOWN: nothing could be looked at, since a file
-- or an option is wrong. What only a message could tell ("unknown" of a step) changes nothing.
-- https://www.monitoring-plugins.org/doc/guidelines.html

local DAY = 86400

local CODES = { OK = 0, WARNING = 1, CRITICAL = 2, UNKNOWN = 3 }

-- One line, in which a bar has a meaning.
local function plain(text) return (text:gsub("[%c|]+", " ")) end

-- Figures ---------------------------------------------------------------------------------------

local function label_of(entry, what) return (entry.kind .. " " .. what):gsub("%s+", "_") end

-- "30:" means: below 30.
local function figures(report, limits)
  local list = {}
  for _, entry in ipairs(report.credentials) do
    if entry.days_left then
      list[#list + 1] = { label = label_of(entry, "days"), value = entry.days_left,
        warn = limits.warning .. ":", crit = limits.critical .. ":" }
    end
    if entry.age_days then
      list[#list + 1] = { label = label_of(entry, "age"), value = entry.age_days,
        warn = limits.key_age and ("%d"):format(limits.key_age // DAY) }
    end
  end
  list[#list + 1] = { label = "time", value = limits.seconds, unit = "s" }
  return list
end

local function figure_text(figure)
  local value = math.type(figure.value) == "integer" and figure.value
    or ("%.3f"):format(figure.value)
  local text = ("%s=%s%s;%s;%s"):format(figure.label, value, figure.unit or "", figure.warn or "",
    figure.crit or "")
  return (text:gsub(";+$", ""))
end

-- The verdict -----------------------------------------------------------------------------------

local function is_urgent(result, limits)
  return result.step == "validity" and result.days_left ~= nil
    and result.days_left < limits.critical and not result.kind:find "^next "
end

local function status_of(result, limits)
  if result.verdict == "failed" then
    return result.step == "configuration" and "UNKNOWN" or "CRITICAL"
  elseif result.verdict == "warning" then
    return is_urgent(result, limits) and "CRITICAL" or "WARNING"
  end
  return "OK"
end

local RANK = { OK = 0, WARNING = 1, CRITICAL = 2, UNKNOWN = 3 }

-- The worst, and what is said about it: of all that are as bad.
local function judge(report, limits)
  local worst, texts = "OK", {}
  for _, result in ipairs(report.steps) do
    local status = status_of(result, limits)
    if RANK[status] > RANK[worst] then worst, texts = status, {} end
    if status == worst and status ~= "OK" then
      texts[#texts + 1] = ("%s: %s%s"):format(result.step,
        result.place and result.place .. ": " or "", result.evidence or "")
    end
  end
  return worst, texts
end

local function fine_text(report)
  for _, result in ipairs(report.steps) do
    if result.step == "validity" then return result.evidence end
  end
  return "everything is fine"
end

-- From outside ----------------------------------------------------------------------------------

local nagios = {}

--- The status of an error that came before anything could be looked at.
function nagios.failure(err)
  return { name = "UNKNOWN", exit_code = CODES.UNKNOWN, performance = {},
    text = plain(("IFLOW UNKNOWN - %s: %s"):format(err.code, err.message)) }
end

return setmetatable(nagios, { __call = function(_, report, limits)
  local name, texts = judge(report, limits)
  if #texts == 0 then texts[1] = fine_text(report) end
  local list, parts = figures(report, limits), {}
  for i, figure in ipairs(list) do parts[i] = figure_text(figure) end
  return { name = name, exit_code = CODES[name], performance = list,
    text = ("IFLOW %s - %s | %s"):format(name, plain(table.concat(texts, "; ")),
      table.concat(parts, " ")) }
end })
