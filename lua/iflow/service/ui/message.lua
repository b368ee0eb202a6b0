--- One message: what happened to it, what it holds, and what can be done. Internal.

local body = require "iflow.service.ui.body"
local duration = require "iflow.duration"
local errors = require "iflow.error"
local layout = require "iflow.service.ui.layout"
local show = require "iflow.cli.outbox_show"

local page = layout.template [[
{% if notice then %}<div class="note good" role="status"><p>{{ notice }}</p></div>{% end %}
{% if problem then %}<div class="note bad" role="alert"><p>{{ problem }}</p></div>{% end %}
<section aria-label="What is known"><dl>
<dt>State</dt><dd><span class="state {{ msg.state }}">{{ state_of(msg.state) }}</span> since
{{ time_of(msg.changed) }}, {{ age_of(msg.changed) }} ago{% if msg.claimed then %}, it is being sent
just now{% end %}</dd>
{% for _, fact in ipairs(facts) do %}<dt>{{ fact[1] }}</dt><dd>{{ fact[2] }}</dd>
{% end %}</dl></section>
{% if can_retry or can_drop then %}<section aria-labelledby="actions"><h2 id="actions">What to do
</h2>
{% if hint then %}<p>{{ hint }}</p>{% end %}
<div class="actions">
{% if can_retry then %}<form method="post" action="/messages/{{ msg.number }}/retry"
data-action="retry">{! hidden !}{! sure !}<button{% if not editable then %} class="main"{% end
%}>Send it again</button></form>{% end %}
{% if can_drop then %}<form method="post" action="/messages/{{ msg.number }}/drop"
data-action="drop">{! hidden !}<details><summary>Drop…</summary><p>It is never sent, and its body is
gone for good.</p><button class="danger">Drop it for good</button></details></form>{% end %}
</div></section>{% end %}
<section aria-labelledby="attempts"><h2 id="attempts">Attempts</h2>
{% if #events > 0 then %}<div class="scroll"><table data-table="attempts"><thead><tr>
<th scope="col" class="n">Attempt</th><th scope="col">Time</th><th scope="col" class="n">Took</th>
<th scope="col">
Outcome</th><th scope="col" class="n">Status</th><th scope="col">Reason</th><th scope="col">Message
id</th></tr></thead><tbody>
{% for _, event in ipairs(events) do %}<tr><td class="n"
data-label="Attempt">{{ event.attempt }}</td>
<td class="t">{{ time_of(event.at) }}</td><td class="n">{{ event.took }}</td>
<td class="t">{{ event.outcome }}</td>
<td class="n" data-label="Status">{{ event.status }}</td>
<td class="wide">{% if event.code then %}<code>{{ event.code }}
</code> {% end %}{{ event.error }}</td>
<td class="id" data-label="Message id">{{ event.message_id }}</td></tr>
{% end %}</tbody></table></div>{% else %}<p>None was made yet.</p>{% end %}</section>
{% if #headers > 0 then %}<section aria-labelledby="headers"><h2 id="headers">Headers</h2><dl
data-table="headers">{% for _, header in ipairs(headers) do %}<dt>{{ header[1] }}</dt><dd
class="mono">{{ header[2] }}</dd>
{% end %}</dl></section>{% end %}
<section aria-labelledby="body"><h2 id="body">{{ body.title }}</h2>
{% if editable then %}<form method="post" action="/messages/{{ msg.number }}/edit"
data-action="edit">{! hidden !}<label for="text" class="unseen">Text to be sent</label>
<textarea id="text" name="body" spellcheck="false" autocomplete="off" rows="14">
{{ body.text }}</textarea><div class="actions below">{! sure !}<button class="main">Send
it again with this text</button></div></form>
{% else %}{% if body.why then %}<p class="faint">{{ body.why }}</p>{% end %}
{% if body.text then %}<pre tabindex="0"{% if body.hex then %} class="hex"{% end
%} aria-label="Body">{{ body.text }}</pre>{% end %}{% end %}</section>
]]

local hidden = layout.template [[<input type="hidden" name="form_token"
value="{{ token }}"><input type="hidden" name="changed" value="{{ changed }}"><input type="hidden"
name="seen" value="{{ state }}">]]

local sure = layout.template [[<p><label><input type="checkbox" name="sure" value="yes" required>
I have looked in the tenant's monitor: it is not there</label></p>]]

local NOTICES = { sent = "It is sent again." }

local HINTS = {
  in_doubt = "The tenant may have it already: look for its id in the monitor, as application "
    .. "message id. When it arrived, drop it here; when not, send it again.",
  blocked = "It waits for an earlier message of its key.",
}

local SENT_AGAIN = { rejected = true, in_doubt = true, ready = true, blocked = true }

local function hint_of(msg)
  if msg.state ~= "rejected" then return HINTS[msg.state] end
  local known = msg.code and errors.info(msg.code)
  return known and known.hint and known.hint:gsub("^%l", string.upper)
end

local function source_of(source)
  if type(source) ~= "table" then return nil end
  return source.file and source.file .. (source.line and ":" .. source.line or "")
    .. (source.record and " (record " .. source.record .. ")" or "")
end

local function facts_of(msg)
  local all = {
    { "Sender", msg.sender }, { "Id", msg.id }, { "Key", msg.key },
    { "Reason", (msg.code or msg.error) and ("%s %s"):format(msg.code or "",
      layout.short(msg.error, 200)) },
    { "Accepted", ("%s, %s ago"):format(layout.time(msg.created), layout.age(msg.created)) },
    { "Attempts", tostring(msg.attempts) },
    { "Next attempt", msg.state == "ready" and msg.not_before and layout.when(msg.not_before) },
    { "Message id", msg.message_id }, { "Type", msg.content_type },
    { "Source", source_of(msg.source) },
    { "Command line", ("iflow outbox show %d"):format(msg.number) },
  }
  local list = {}
  for _, fact in ipairs(all) do
    if fact[2] then list[#list + 1] = fact end
  end
  return list
end

local function events_of(msg)
  local list = {}
  for i, event in ipairs(msg.history or {}) do
    list[i] = { attempt = event.attempt, at = event.began or event.ended,
      took = event.began and event.ended
        and duration.text(math.max(0, event.ended - event.began)) or "",
      outcome = show.outcome_of(event), status = event.status, code = event.code,
      error = event.error, message_id = event.message_id }
  end
  return list
end

local message = {}

--- How the forms name what they have seen of a message.
function message.mark(msg) return ("%.17g"):format(msg.changed) end

--- Answers with the page of a message. options: problem (what went wrong with an action), status,
-- text (what was typed).
function message.answer(ui, req, msg, options)
  options = options or {}
  local shown = body.shown(msg)
  local can_retry = SENT_AGAIN[msg.state] and not msg.claimed
  local editable = can_retry and shown.editable
  shown.text = editable and options.text or shown.text
  ui:page(req, options.status or 200, { name = "message", current = "messages",
    title = ("Message %d of %s"):format(msg.number, msg.sender), body = page { msg = msg,
    facts = facts_of(msg), events = events_of(msg), headers = show.headers_of(msg), body = shown,
    can_retry = can_retry, can_drop = msg.state ~= "started" and not msg.claimed,
    editable = editable, hint = hint_of(msg), problem = options.problem, notice = options.notice,
    sure = msg.state == "in_doubt" and sure {} or "",
    hidden = hidden { token = req.who.form_token, changed = message.mark(msg),
      state = msg.state } } })
end

--- GET /messages/N
function message.get(ui, req, query, number)
  local msg, err = ui.service.box:show(number)
  if err then error(err, 0) end
  if not msg then return ui:missing(req, "The outbox has no message of this number (any more).") end
  message.answer(ui, req, msg, { notice = NOTICES[query.done or ""] })
end

return message
