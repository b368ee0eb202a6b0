--- The first page: what needs somebody, then how the senders and the outbox are. Internal.

local core = require "iflow.core"
local layout = require "iflow.service.ui.layout"
local plot = require "iflow.service.ui.plot"
local problems = require "iflow.service.ui.problems"
local words = require "iflow.cli.outbox_words"

local STATES = { "ready", "blocked", "started", "in_doubt", "rejected", "delivered" }
local AGES = { "5 min", "10 min", "20 min", "40 min", "80 min", "160 min", "5 h", "11 h", "21 h",
  "older" }
local SENDERS_MAX = 200 -- shown; the others are at /metrics

local page = layout.template [[
<div id="now" data-refresh="3">
{% if #problems > 0 then %}<ul class="problems" aria-label="What needs somebody">
{% for _, one in ipairs(problems) do %}<li class="note {{ one.tone }}">{{ one.text }}{%
  if one.link then %} <a href="{{ one.link }}">{{ one.link_text }}</a>{% end %}</li>
{% end %}</ul>{% else %}<div class="note good"><p>Nothing needs you: messages can be delivered, none
was rejected, none is in doubt.</p></div>{% end %}
<section aria-labelledby="hour"><h2 id="hour">The last hour</h2>
{! plot !}
<p class="faint"><span class="key good"></span> delivered
<span class="key bad"></span> rejected, in doubt or given up</p></section>
<section aria-labelledby="senders"><h2 id="senders">Senders</h2>
<div class="scroll"><table class="stack" data-table="senders"><thead><tr><th scope="col">Sender</th>
<th scope="col">State</th><th scope="col">Last hour</th><th scope="col" class="n">Delivered a minute
</th><th scope="col" class="n">Accepted</th><th scope="col" class="n">Delivered</th><th scope="col"
class="n">Failed</th><th scope="col" class="n">In flight</th></tr></thead><tbody>
{% for _, one in ipairs(senders) do %}<tr data-sender="{{ one.name }}"><th scope="row"><a
href="{{ one.link }}">{{ one.name }}</a></th><td>{% if one.paused then %}<span class="state paused">
paused</span> {{ one.paused }}{% else %}<span class="state fine">runs</span>{% end %}</td>
<td>{! one.line !}</td><td class="n" data-label="A minute">{{ one.per_minute }}</td>
<td class="n" data-label="Accepted">{! one.accepted !}</td>
<td class="n" data-label="Delivered">{! one.delivered !}</td>
<td class="n" data-label="Failed">{! one.failed !}</td>
<td class="n" data-label="In flight">{! one.in_flight !}</td></tr>
{% end %}{% if #senders == 0 then %}<tr><td colspan="8">The scripts define no sender.</td>
</tr>{% end
%}</tbody></table></div>
<p class="faint">Accepted, delivered and failed count the last hour.{% if more > 0 then %}
{{ more }} more senders: see /metrics.{% end %}</p></section>
<section aria-labelledby="outbox"><h2 id="outbox">Outbox</h2>
{% if #rows > 0 then %}<div class="scroll"><table class="stack" data-table="outbox"><thead><tr>
<th scope="col">
Sender</th>{% for _, name in ipairs(states) do %}<th scope="col" class="n">{{ state_of(name) }}</th>
{% end %}<th scope="col" class="n">Oldest open</th></tr></thead><tbody>
{% for _, row in ipairs(rows) do %}<tr><th scope="row">{{ row.sender }}</th>{%
  for i, cell in ipairs(row.cells) do %}<td class="n"
data-label="{{ state_of(states[i]) }}">{% if cell.link then %}
<a href="{{ cell.link }}">{! cell.count !}</a>{% else %}{! cell.count !}{% end %}</td>{% end %}
<td class="n" data-label="oldest open">{{ row.oldest }}</td></tr>
{% end %}</tbody></table></div>
<h3>Open messages by age</h3><div class="scroll"><table class="stack" data-table="ages"><thead>
<tr><th
scope="col">Sender</th>{% for _, name in ipairs(ages) do %}<th scope="col" class="n">{{ name }}</th>
{% end %}</tr></thead><tbody>
{% for _, row in ipairs(rows) do %}<tr><th scope="row">{{ row.sender }}</th>{%
  for i, count in ipairs(row.ages) do %}<td class="n"
data-label="{{ ages[i] }}">{! count !}</td>{% end %}</tr>
{% end %}</tbody></table></div>
<p class="faint">Counted {{ counted }} ago: an outbox with many messages is counted less often.</p>
{% else %}<p>It has no messages.</p>{% end %}</section>
<section aria-labelledby="service"><h2 id="service">Service</h2><dl data-table="service">
{% for _, fact in ipairs(facts) do %}<dt>{{ fact[1] }}</dt><dd>{{ fact[2] }}</dd>
{% end %}</dl></section>
</div>
]]

-- Senders -----------------------------------------------------------------------------------------

local function sender_row(ui, name, status)
  local seen = ui.rates:of(name)
  return { name = name, paused = status and status.paused, line = plot.line(seen),
    link = ui.link("/messages", { state = "any", sender = name }),
    per_minute = ("%.1f"):format(seen.per_minute), accepted = layout.count(seen.hour.accepted),
    delivered = layout.count(seen.hour.delivered), failed = layout.count(seen.hour.failed),
    in_flight = layout.count(status and status.in_flight or 0) }
end

-- Those that are paused first.
local function sender_rows(ui, status)
  local names = {}
  for name in pairs(status.senders) do names[#names + 1] = name end
  local function rank(name) return status.senders[name].paused and 0 or 1 end
  table.sort(names, function(a, b)
    if rank(a) ~= rank(b) then return rank(a) < rank(b) end
    return a < b
  end)
  local rows = {}
  for i = 1, math.min(#names, SENDERS_MAX) do
    rows[i] = sender_row(ui, names[i], status.senders[names[i]])
  end
  return rows, math.max(0, #names - SENDERS_MAX)
end

-- Outbox ------------------------------------------------------------------------------------------

local function outbox_row(ui, stat)
  local row = { sender = stat.sender, cells = {}, ages = {},
    oldest = stat.oldest and layout.age(stat.oldest) or "" }
  for i, state in ipairs(STATES) do
    local count = state == "ready" and stat.ready - stat.blocked or stat[state]
    row.cells[i] = { count = layout.count(count), link = count > 0
      and ui.link("/messages", { state = state, sender = stat.sender }) }
  end
  for i = 1, #AGES do row.ages[i] = layout.count(stat.ages[i] or 0) end
  return row
end

local function outbox_rows(ui, seen)
  local list = table.move(seen.list, 1, math.min(#seen.list, SENDERS_MAX), 1, {})
  table.sort(list, function(a, b) return a.sender < b.sender end)
  local rows = {}
  for i, stat in ipairs(list) do rows[i] = outbox_row(ui, stat) end
  return rows
end

-- Service -----------------------------------------------------------------------------------------

local function reload_text(reload)
  if not reload then return "none since the start" end
  return ("%s, %s%s"):format(reload.ok and "worked" or "failed", layout.when(reload.at),
    reload.ok and "" or ": " .. tostring(reload.error))
end

local function facts(ui, status)
  local process = ui.exposition:process()
  local counts = status.outbox
  return {
    { "State", status.ready and "ready" or "not ready" },
    { "Version", core.version },
    { "Running since", ("%s, %s"):format(layout.time(process.began), layout.age(process.began)) },
    { "Scripts read again", reload_text(status.reload) },
    { "Memory", ("%s, of it Lua %s"):format(process.resident and layout.size(process.resident)
      or "unknown", layout.size(process.lua)) },
    { "Loop lag", ("%.0f ms at its worst in the last minute"):format(process.lag * 1000) },
    { "Outbox", counts and ("%s not delivered, %s"):format(
      words.messages(counts.messages), layout.size(counts.bytes)) or "cannot be read" },
    { "Process", tostring(core.process.pid()) },
  }
end

--- GET /
return function(ui, req)
  ui.rates:look()
  local status = assert(ui.service:status())
  local senders, more = sender_rows(ui, status)
  local seen = ui.exposition:look() or { list = {}, at = core.task.now() }
  ui:page(req, 200, { name = "overview", title = "Overview", body = page {
    problems = problems(ui, status), plot = plot.hour(ui.rates:all()), senders = senders,
    more = more, states = STATES, ages = AGES, rows = outbox_rows(ui, seen),
    counted = layout.age(seen.at), facts = facts(ui, status) } })
end
