--- When jobs run next, how they ran last, and the other triggers. Internal.

local calendar = require "iflow.schedule.calendar"
local core = require "iflow.core"
local due = require "iflow.schedule.due"
local duration = require "iflow.duration"
local layout = require "iflow.service.ui.layout"
local metrics = require "iflow.service.metrics"

local RUNS = 5        -- of each job
local JOBS_MAX = 200  -- with their next runs
local SPAN = 400 * 86400

local plain = { kind = true, name = true, place = true }

local page = layout.template [[
<div id="jobs" data-refresh="10">
{% for _, job in ipairs(jobs) do %}<section data-job="{{ job.name }}"><h2>{{ job.name }}
<span class="faint">{{ job.kind }} · {{ job.plan }}</span></h2>
<dl><dt>Now</dt><dd>{{ job.now }}</dd>
<dt>Last run</dt>
<dd>{% if job.outcome then %}<span class="state {{ job.outcome }}">{{ job.outcome }}
</span> {% end %}{{ job.last }}</dd>
<dt>Missed</dt><dd>{{ job.missed }}</dd>
<dt>Next runs</dt><dd>{% if #job.next == 0 then %}none within a year{% end %}{%
  for _, run in ipairs(job.next) do %}<div>{{ run }}</div>{% end %}</dd></dl></section>
{% end %}{% if #jobs == 0 then %}<section><p>The scripts define no job.</p></section>{% end %}
{% if #triggers > 0 then %}<section aria-labelledby="triggers"><h2 id="triggers">Other triggers</h2>
<div class="scroll"><table><thead><tr><th scope="col">Kind</th><th scope="col">Name</th>
<th scope="col">Now</th></tr></thead><tbody>
{% for _, item in ipairs(triggers) do %}<tr data-trigger="{{ item.name }}"><td>{{ item.kind }}</td>
<td>{{ item.name }}</td><td class="wide">{{ item.now }}</td></tr>
{% end %}</tbody></table></div></section>{% end %}
</div>
]]

-- What the clock of the job's zone shows then, where that is not UTC.
local function there_of(job, at)
  local zone = job.schedule.zone
  local wall = zone:wall(at)
  if not job.schedule.expression.text or wall == at then return "" end
  return (" (%s in %s)"):format(calendar.time_text(wall):sub(1, 5), zone.name)
end

local function next_runs(job)
  local list, now = {}, core.task.now()
  for start in due.between(job.schedule, now, now + SPAN) do
    list[#list + 1] = ("%s%s, %s"):format(layout.time(start), there_of(job, start),
      layout.when(start))
    if #list == RUNS then break end
  end
  return list
end

local function now_of(status)
  local parts = {}
  if status.running then
    parts[1] = "runs since " .. layout.time(status.running.began)
  else
    parts[1] = "waits for its time"
  end
  if (status.waiting or 0) > 0 then parts[#parts + 1] = status.waiting .. " wait" end
  if (status.again or 0) > 0 then parts[#parts + 1] = status.again .. " to be repeated" end
  return table.concat(parts, ", ")
end

local function last_of(last)
  if not last then return "none since the start of the service" end
  return ("planned for %s, ended %s%s"):format(layout.time(last.planned), layout.time(last.ended),
    last.reason and ": " .. layout.short(last.reason, 300) or "")
end

-- Of a cron job its expression and zone; of an interval only that.
local function plan_of(job)
  local expression = job.schedule.expression
  if not expression.text then return duration.text(expression.seconds) end
  return ("%s · %s"):format(expression.text or tostring(expression), job.schedule.zone.name)
end

local function job_of(job, status)
  local counts = metrics.job(job.name)
  return { name = job.name, kind = job.kind or "job", now = now_of(status),
    plan = plan_of(job), last = last_of(status.last), outcome = status.last and status.last.outcome,
    missed = ("%d made up for, %d left out, since the start"):format(counts.missed,
      counts.left_out), next = next_runs(job) }
end

-- What a trigger tells of itself, in words: "address 127.0.0.1:8080, paused".
local function in_words(status)
  local list = {}
  for name, value in pairs(status) do
    local text = tostring(name):gsub("_", " ")
    if value == true then
      list[#list + 1] = text
    elseif type(value) == "string" and not plain[name] then
      list[#list + 1] = ("%s %s"):format(text, layout.short(value))
    elseif type(value) == "number" and value ~= 0 then
      list[#list + 1] = ("%s %s"):format(text, math.type(value) == "float"
        and ("%.3g"):format(value) or layout.number(value))
    end
  end
  table.sort(list)
  return #list > 0 and table.concat(list, ", ") or "nothing to do"
end

local function key_of(item) return ("%s %s"):format(item.kind or "job", item.name) end

--- GET /schedule
return function(ui, req)
  local defined = ui.service.registry
  local by_name, jobs, triggers, is_job = {}, {}, {}, {}
  local status = assert(ui.service:status())
  for _, item in ipairs(status.triggers) do by_name[key_of(item)] = item end
  for i = 1, math.min(#defined.jobs, JOBS_MAX) do
    local job = defined.jobs[i]
    is_job[key_of(job)] = true
    jobs[i] = job_of(job, by_name[key_of(job)] or {})
  end
  for _, item in ipairs(status.triggers) do
    if not is_job[key_of(item)] then
      triggers[#triggers + 1] = { kind = item.kind, name = item.name, now = in_words(item) }
    end
  end
  ui:page(req, 200, { name = "schedule", title = "Schedule",
    body = page { jobs = jobs, triggers = triggers } })
end
