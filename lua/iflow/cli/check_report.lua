-- check_report.lua -- how iflow check shows what it found: a line for each step, JSON, or the line
-- of a Nagios plugin.
local core = require "iflow.core"
local words = require "iflow.cli.outbox_words"

local json = core.json

local report_of = {}

local STEP_WIDTH, VERDICT_WIDTH = #"client certificate", #"skipped"

-- What comes from a server may hold anything: one line of it, without control characters.
local function line(text) return words.line(text or "", 2000) end

--- The line of a step, and what to do.
function report_of.step(out, result)
  local where = result.place and result.place .. ": " or ""
  out:print((("%-" .. VERDICT_WIDTH .. "s  %-" .. STEP_WIDTH .. "s  %s"):format(result.verdict,
    result.step, where .. line(result.evidence)):gsub("%s+$", "")))
  if result.next_step and result.verdict ~= "fine" then
    out:print((" "):rep(VERDICT_WIDTH + 2) .. "what to do: " .. line(result.next_step))
  end
end

local SUMS = { fine = "everything is fine", unknown = "nothing is wrong as far as was looked",
  warning = "it works as far as was looked, with warnings", failed = "something is wrong" }

-- A credential as JSON shows it.
local function public(entry)
  return { kind = entry.kind, path = entry.path, subject = entry.subject,
    credential = entry.credential, not_before = entry.not_before, not_after = entry.not_after,
    days_left = entry.days_left, created = entry.created, age_days = entry.age_days,
    awaited = entry.awaited, problem = entry.failure and entry.failure.message or nil }
end

--- A report as a table for JSON.
function report_of.value(report)
  local credentials = json.array {}
  for i, entry in ipairs(report.credentials) do credentials[i] = public(entry) end
  return { steps = json.array(report.steps), verdict = report.verdict,
    exit_code = report.exit_code, credentials = credentials }
end

--- The end of it; its exit code. bundle: what JSON says of the bundle, or nil.
function report_of.finish(report, out, bundle)
  if out.json_mode then
    local value = report_of.value(report)
    value.bundle = bundle
    out:json(value)
  else
    out:note(("%s: %s"):format(out.name, SUMS[report.verdict]))
  end
  return report.exit_code
end

--- The line for a monitoring system; its exit code. status: of check/nagios.lua; report: nil when
--- nothing could be looked at.
function report_of.status(status, out, report)
  if out.json_mode then
    local value = report and report_of.value(report) or {}
    value.nagios = { status = status.name, text = status.text,
      performance = json.array(status.performance) }
    value.exit_code = status.exit_code
    out:json(value)
  else
    out:print(status.text)
  end
  return status.exit_code
end

return report_of
