--- What needs somebody, the worst first. Internal, for the operator's page.

local core = require "iflow.core"
local layout = require "iflow.service.ui.layout"
local words = require "iflow.cli.outbox_words"

local SOON = 30 -- days until a credential ends
local DAY = 86400

local function add(list, tone, text, link, link_text)
  list[#list + 1] = { tone = tone, text = text, link = link, link_text = link_text }
end

local function readiness(list, status)
  for _, why in ipairs(status.why or {}) do add(list, "bad", "Not ready: " .. why) end
  local reload = status.reload
  if reload and not reload.ok then
    add(list, "bad", ("The last reload failed, what was served before goes on: %s"):format(
      reload.error), "/log?level=error", "Log")
  end
end

local function messages(list, counts)
  if not counts then return end
  if counts.rejected > 0 then
    add(list, "bad", words.messages(counts.rejected) .. " rejected.", "/messages?state=rejected",
      "Look at them")
  end
  if counts.in_doubt > 0 then
    add(list, "warning", words.messages(counts.in_doubt) .. " in doubt: the tenant may have them.",
      "/messages?state=in_doubt", "Look at them")
  end
end

local function credentials(list, status)
  for _, item in ipairs(status.credentials or {}) do
    local replaced = item.active == false and not (item.kind or ""):find "^next "
    local days = not replaced and item.not_after and (item.not_after - core.task.now()) / DAY
    local what = ("%s '%s', %s"):format(item.owner or "", item.name or "", item.kind or "")
    if item.problem then
      add(list, "bad", ("%s: %s"):format(what, item.problem), "/credentials", "Credentials")
    elseif days and days < SOON then
      add(list, days < 7 and "bad" or "warning", ("%s: %s"):format(what, days < 0
        and "not valid any more" or ("ends in %d days"):format(days // 1)), "/credentials",
        "Credentials")
    end
  end
end

local function jobs(list, status)
  for _, item in ipairs(status.triggers) do
    local last = item.last
    if last and last.outcome == "failed" then
      add(list, "warning", ("The last run of %s '%s' failed: %s"):format(item.kind or "job",
        item.name, layout.short(last.reason)), "/schedule", "Schedule")
    end
  end
end

--- A list of { tone = "bad" | "warning", text =, link =, link_text = } for service:status().
return function(_, status)
  local list = {}
  readiness(list, status)
  messages(list, status.outbox)
  credentials(list, status)
  jobs(list, status)
  table.sort(list, function(a, b) return a.tone < b.tone end)
  return list
end
