-- keystore.lua -- iflow tenant keystore: the entries of the tenant's keystore, those that end first
-- at the top.
local clock = require "iflow.clock"
local shared = require "iflow.cli.tenant_api"

local DAY = 86400

-- days: whole days left, negative when it is over; nil when the tenant does not say.
local function judge(entry, now, warn)
  entry.days_left = entry.not_after and math.floor((entry.not_after - now) / DAY) or nil
  if entry.not_after and entry.not_after <= now then return "EXPIRED" end
  if entry.not_before and entry.not_before > now then return "not valid yet" end
  if entry.days_left and entry.days_left < warn then return "ends soon" end
  return nil
end

local function ends_first(a, b) return (a.not_after or math.huge) < (b.not_after or math.huge) end

local function rows_of(list)
  local rows = {}
  for i, entry in ipairs(list) do
    local key = entry.key_type and entry.key_size
      and ("%s %d"):format(entry.key_type, entry.key_size) or entry.key_type
    rows[i] = { shared.text(entry.alias, 50), shared.text(entry.type), shared.text(key),
      shared.text(entry.owner), shared.time(entry.not_after), entry.days_left, entry.mark or "" }
  end
  return rows
end

local function any_within(list, days, now)
  for _, entry in ipairs(list) do
    if days and entry.not_after and entry.not_after - now < days * DAY then return true end
  end
  return false
end

local function run(args, out)
  local api <close>, err = shared.open(args, out)
  if not api then return nil, err end
  local list
  list, err = api:keystore()
  if not list then return nil, err end
  local now = clock.now()
  for _, entry in ipairs(list) do entry.mark = judge(entry, now, args.days) end
  table.sort(list, ends_first)
  if out.json_mode then
    out:json { entries = shared.values(list) }
  elseif #list > 0 then
    out:table({ "alias", "type", "key", "owner", "valid until", "days", "" }, rows_of(list))
  else
    out:note "the keystore has no entries"
  end
  return any_within(list, args.fail_within, now) and 1 or 0
end

return {
  name = "keystore",
  summary = "show the keystore's entries and how long they are valid",
  description = "Those that end first stand at the top. Exit code 1 with --fail-within, when one "
    .. "of them ends so soon or has ended: for a job that watches.",
  options = shared.with {
    { "--days", value = "N", type = "number", default = 30, env = false,
      help = "entries that end within so many days are marked" },
    { "--fail-within", value = "DAYS", type = "number", env = false,
      help = "end with exit code 1 when an entry ends within so many days, or has ended" },
  },
  run = run,
}
