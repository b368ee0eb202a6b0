-- tenant_follow.lua -- iflow tenant logs --follow: message processing logs as they appear and
-- change, oldest first, until nobody reads them or the command is stopped.
local clock = require "iflow.clock"
local shared = require "iflow.cli.tenant_api"

local LATE = 120      -- seconds after which a log appears at the latest
local OPEN_MAX = 3600 -- seconds for which a message that is not over is looked at again
local LOOK = 1000     -- logs of one look at most

local function line_of(entry)
  return ("%s  %s  %-10s  %s%s"):format(shared.time(entry.started) or "?",
    shared.text(entry.message_id) or "?", shared.text(entry.status) or "?",
    shared.text(entry.flow, 40) or "?",
    entry.application_id and "  " .. shared.text(entry.application_id, 40) or "")
end

-- Entries that are new or have another status: oldest first. seen: entries by id.
local function news(list, seen)
  local fresh = {}
  for i = #list, 1, -1 do
    local entry = list[i]
    local id = entry.message_id
    if id and (not seen[id] or seen[id].status ~= entry.status) then
      fresh[#fresh + 1] = entry
      seen[id] = entry
    end
  end
  return fresh
end

-- From when on the next look must see: what may still appear, and what is not over. What is older
-- is forgotten.
local function window(seen, now)
  local from = now - LATE
  for id, entry in pairs(seen) do
    local started = entry.started or 0
    if entry.outcome == "open" and started > now - OPEN_MAX then
      from = math.min(from, started)
    elseif started < now - OPEN_MAX then
      seen[id] = nil
    end
  end
  return from
end

local function show(out, list)
  for _, entry in ipairs(list) do
    if out.json_mode then out:json(shared.value(entry)) else out:print(line_of(entry)) end
  end
  return io.stdout:flush()
end

-- One look; true as long as somebody reads. A failure that passes is told once.
local function look(api, asked, state, out)
  local list, err = api:logs(asked)
  if not list then
    if not err.retryable then return nil, err end
    if state.told ~= err.code then out:note("still trying: " .. err.message) end
    state.told = err.code
    return true
  end
  state.told = nil
  return show(out, news(list, state.seen)) and true or false
end

--- api: tenant_api; asked: what its logs are asked; pause: seconds between two looks. Returns an
-- exit code, or nil, err.
return function(api, asked, pause, out)
  local state = { seen = {} }
  local open, err = look(api, asked, state, out)
  asked.limit = LOOK
  while open do
    clock.sleep(pause)
    asked.since = window(state.seen, clock.now())
    open, err = look(api, asked, state, out)
  end
  if err then return nil, err end
  return 0
end
