--- How long the credentials are good, by their files: the certificate's dates, also of the next one
--- and of the authorities that are trusted, and the age of service keys.
local clock = require "iflow.clock"
local ending = require "iflow.credential.ending"

local DAY = 86400
local WARN_DAYS = 30

local NEXT_STEPS = {
  ["service key"] = "exchange it for a new one: iflow instance rotate, or BTP cockpit > Services > "
    .. "Instances and Subscriptions > the instance > Service Keys; delete the old one when nobody "
    .. "uses it any more",
  ["client certificate"] = "renew it: a new pair, registered at SAP first (a service key of type "
    .. "External Certificate), then switched to: iflow cert request",
  ["trusted authorities"] = "have the root that follows it beside it: iflow trust add",
}

local function next_step_of(entry)
  return NEXT_STEPS[entry.kind:gsub("^next ", "")]
end

-- What is found of an entry: the figures are for programs.
local function finding(entry, verdict, cause, evidence)
  return { verdict = verdict, cause = cause, evidence = evidence, next_step = next_step_of(entry),
    kind = entry.kind, path = entry.path, days_left = entry.days_left, age_days = entry.age_days }
end

-- For a warning the exit code is that of iflow cert check.
local function warning(entry, cause, evidence)
  local found = finding(entry, "warning", cause, evidence)
  local days = entry.days_left or WARN_DAYS
  found.exit_code = cause == "old" and 10 or days < 1 and 12 or days < 7 and 11 or 10
  return found
end

-- Whether nothing works without it: a successor takes over, other authorities may do.
local function is_needed(look, entry)
  local following = look.rotation and look.rotation:look()
  return entry.not_before ~= nil and entry.credential ~= "next" and not following
end

local function out_of_dates(look, entry, cause, evidence)
  if not is_needed(look, entry) then return warning(entry, cause, evidence) end
  local found = finding(entry, "failed", cause, evidence)
  found.code = "cert.expired"
  return found
end

local function look_at_dates(look, entry, now)
  local left = entry.not_after - now
  local says = ("%s %s, on %s"):format(ending.name(entry), ending.words(left),
    ending.date(entry.not_after))
  if left <= 0 then return out_of_dates(look, entry, "ended", says) end
  if entry.not_before and entry.not_before > now then
    local found = out_of_dates(look, entry, "not_yet_valid", ("%s is not valid before %s"):format(
      ending.name(entry), ending.date(entry.not_before)))
    found.next_step = "look at this machine's clock, or wait"
    return found
  end
  if left <= (look.options.warn_days or WARN_DAYS) * DAY then
    return warning(entry, "ends_soon", says)
  end
end

local function look_at_age(look, entry, now)
  local age = now - entry.created
  if age < look.options.key_age then return nil end
  return warning(entry, "old", ("%s is %s old"):format(ending.name(entry), ending.days(age)))
end

local function examine(look, entry, now)
  if entry.failure then -- of the current one every other step tells
    return entry.credential == "next" and finding(entry, "warning", "next_unusable",
      ("%s cannot be used: %s"):format(ending.name(entry), entry.failure.message))
  end
  return entry.not_after and look_at_dates(look, entry, now)
    or look.options.key_age and entry.created and look_at_age(look, entry, now)
end

-- What ends first, for those who read that all is fine.
local function first_to_end(list, now)
  local first
  for _, entry in ipairs(list) do
    if entry.not_after and (not first or entry.not_after < first.not_after) then first = entry end
  end
  if not first then return "nothing has an end" end
  return ("%s %s"):format(ending.name(first), ending.words(first.not_after - now))
end

return {
  name = "validity", needs = { "configuration" },
  applies = function(look) return look.tenant ~= nil end,
  run = function(look)
    local now, found = clock.now() // 1, {}
    for _, entry in ipairs(look:credentials()) do
      found[#found + 1] = examine(look, entry, now) or nil
    end
    if #found > 0 then return found end
    return { verdict = "fine", evidence = first_to_end(look:credentials(), now) }
  end,
}
