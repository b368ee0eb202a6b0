--- Certificates, keys and service keys in use, and the days they have left. Internal.

local core = require "iflow.core"
local ending = require "iflow.credential.ending"
local layout = require "iflow.service.ui.layout"

local DAY, SOON = 86400, 30

local page = layout.template [[
<section id="list" data-refresh="30" aria-label="Credentials">
{% if #rows > 0 then %}<div class="scroll"><table><thead><tr>
<th scope="col">Of</th><th scope="col">Kind</th><th scope="col" class="n">Days left</th>
<th scope="col">Valid until</th>
<th scope="col">Subject</th><th scope="col">File</th><th scope="col">Read</th></tr></thead>
<tbody>{% for _, row in ipairs(rows) do %}<tr data-credential="{{ row.name }}">
<th scope="row">{{ row.owner }} {{ row.name }}</th>
<td>{{ row.kind }}{% if row.note then %}<div class="faint">{{ row.note
}}</div>{% end %}</td>
<td class="n"><span class="{{ row.tone }}">{{ row.days }}</span></td>
<td class="t">{{ time_of(row.not_after) }}</td>
<td class="wide">{{ row.subject }}{% if row.problem then %}<div class="error">{{ row.problem
}}</div>{% end %}</td><td class="wide mono">{{ row.path }}</td>
<td class="t">{{ time_of(row.loaded) }}</td></tr>
{% end %}</tbody></table></div>{% else %}<p>No sender and no relay has a credential in a file.</p>{%
end %}</section>
<p class="faint">A changed file is taken without a restart; what is wrong with it is told here, and
the one before stays in use.</p>
]]

local function tone_of(days)
  if not days or days >= SOON then return "fine" end
  return days < 7 and "error" or "warning"
end

-- What else is known of it: which of two is used, and how old a key is.
local function note_of(item)
  local notes = {}
  if item.active ~= nil then notes[1] = item.active and "in use" or "not in use" end
  if item.created then
    notes[#notes + 1] = ending.days(math.max(0, core.task.now() - item.created)) .. " old"
  end
  return #notes > 0 and table.concat(notes, ", ") or nil
end

--- GET /credentials
return function(ui, req)
  local rows = {}
  for i, item in ipairs(assert(ui.service:status()).credentials or {}) do
    local days = item.not_after and (item.not_after - core.task.now()) // DAY
    local loaded = type(item.loaded) == "number" and item.loaded or nil
    rows[i] = { owner = item.owner, name = item.name, kind = item.kind, path = item.path,
      note = note_of(item), subject = item.subject, not_after = item.not_after, loaded = loaded,
      problem = item.problem,
      days = days and ("%d"):format(days), tone = tone_of(days), rank = item.problem and -math.huge
        or days or math.huge, place = i }
  end
  table.sort(rows, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    return a.place < b.place
  end)
  ui:page(req, 200, { name = "credentials", title = "Credentials", body = page { rows = rows } })
end
