-- outbox_retry.lua -- `iflow outbox retry`: messages are sent again, with their ids; many of them
-- spread over time; one of them edited.
local ask = require "iflow.cli.outbox_ask"
local bodies = require "iflow.cli.outbox_bodies"
local clock = require "iflow.clock"
local edit = require "iflow.cli.outbox_edit"
local errors = require "iflow.error"
local hold = require "iflow.cli.outbox_held"
local lists = require "iflow.cli.outbox_list"
local open_outbox = require "iflow.cli.outbox".open
local selection = require "iflow.cli.outbox_selection"
local words = require "iflow.cli.outbox_words"

local retry = {}

local STATES = { "rejected", "in_doubt" } -- what does not go by itself
local BY_HAND = "sent again by hand"      -- in the history
local fits = { rejected = true, in_doubt = true, ready = true, blocked = true }

local function refuse(text, hint)
  return nil, errors { code = "usage.invalid", message = text, hint = hint }
end

-- Words -----------------------------------------------------------------------------------------

local seconds_of = { [""] = 1, ["/s"] = 1, ["/sec"] = 1, ["/m"] = 60, ["/min"] = 60, ["/h"] = 3600 }

--- The value of --rate: "5/s" -> messages a second.
function retry.rate(word)
  local number, unit = word:match "^(%d+%.?%d*)(/?%a*)$"
  local seconds = seconds_of[unit]
  local rate = seconds and tonumber(number) / seconds
  if not rate or rate <= 0 or rate > 1e6 then
    return nil, "is no rate; write 5/s, 30/m or 1000/h"
  end
  return rate
end

local function check_words(args)
  local changes = args.edit or args.body or #args.header > 0
  if changes and #args.message ~= 1 then
    return refuse("a message is edited alone: give one number or id")
  elseif args.edit and args.body then
    return refuse("--edit and --body exclude each other")
  elseif changes and args.dry_run then
    return refuse("--dry-run shows nothing of an edited message")
  end
  for _, state in ipairs(args.state) do
    if not fits[state] then
      return refuse(("a message that is %s cannot be sent again"):format(state == "any"
        and "delivered or started" or words.state(state)),
        "--state takes rejected, in_doubt, ready and blocked here")
    end
  end
  return true
end

-- What is to be known before ----------------------------------------------------------------------

local function warn(out, survey)
  if survey.old == 0 then return end
  local which = survey.old == 1 and ("message %d is"):format(survey.first_old)
    or ("%s, from message %d on, are"):format(words.messages(survey.old), survey.first_old)
  out:warn(which .. " older than 90 days: SAP's Idempotent Process Call has forgotten ids of that "
    .. "age, so what arrived then is processed a second time")
end

-- True, or nil, err: messages in doubt may be there already.
local function consent(args, out, held, survey)
  local count = survey.states.in_doubt or 0
  if count == 0 then return true end
  out:warn(("%s in doubt: the tenant may have received %s already; look for the ids in its monitor "
    .. "first (as application message id)"):format(count == 1 and "1 message is"
    or words.number(count) .. " messages are", count == 1 and "it" or "some of them"))
  return held:without(function()
    return ask(args, out, count == 1 and "send it again" or "send them again")
  end)
end

local function check_named(chosen)
  for _, msg in ipairs(chosen.named or {}) do
    if not fits[msg.state] or msg.claimed then
      return refuse(("message %d is %s"):format(msg.number, fits[msg.state]
        and "being sent just now" or words.state(msg.state)),
        "only what is rejected, in doubt or waiting can be sent again")
    end
  end
  return true
end

-- Many --------------------------------------------------------------------------------------------

-- Sends a page again; done: how many before it.
local function requeue_page(box, page, rate, began, done)
  local items = {}
  for i, msg in ipairs(page) do
    local at = rate and began + (done + i - 1) / rate or nil
    items[i] = { number = msg.number, outcome = { error = BY_HAND, not_before = at } }
  end
  return assert(box:requeue(items))
end

local function requeue_all(held, chosen, rate, total)
  local began, seen, changed = clock.now(), 0, 0
  for page in chosen:pages_of() do
    changed = changed + requeue_page(held.box, page, rate, began, seen)
    seen = seen + #page
    held.progress(seen, total)
  end
  held.progress(total, total)
  return changed
end

local function tell(args, out, box, survey, changed)
  local last = args.rate and survey.total > 1 and (survey.total - 1) / args.rate
  out:result(function()
    if survey.total == 0 then return out:print "no message matches" end
    out:print(("%s to be sent again%s"):format(words.messages(changed),
      last and (", the last one in %s"):format(words.age(last)) or ""))
  end, { selected = survey.total, sent_again = changed, states = survey.states,
    older_than_90_days = survey.old })
  if changed < survey.total then
    out:note(("%s changed meanwhile and stay as they are"):format(
      words.messages(survey.total - changed)))
  end
  if changed > 0 and box.handle then
    out:note "no service runs on this outbox: `iflow serve SCRIPT` sends what is ready"
  end
end

-- Calls fn(held, chosen, survey) with what the words name, while the outbox is held: what it
-- returned; nil, err.
local function with_chosen(args, out, fn)
  local held <close>, err = hold(args)
  if not held then return nil, err end
  local chosen, ok
  chosen, err = selection.new(held, args, STATES, "retry")
  if not chosen then return nil, err end
  ok, err = check_named(chosen)
  if not ok then return nil, err end
  local survey = chosen:survey()
  warn(out, survey)
  return fn(held, chosen, survey)
end

local function retry_many(args, out)
  return with_chosen(args, out, function(held, chosen, survey)
    if args.dry_run then
      return lists.dry_run(out, chosen, survey, "sent again", { would_be_sent = survey.total,
        states = survey.states, older_than_90_days = survey.old })
    end
    local ok, err = consent(args, out, held, survey)
    if not ok then return nil, err end
    tell(args, out, held.box, survey, requeue_all(held, chosen, args.rate, survey.total))
  end)
end

-- One, edited -------------------------------------------------------------------------------------

-- The message with its body, after all questions; nil, err.
local function fetch(args, out)
  return with_chosen(args, out, function(held, chosen, survey)
    local ok, err = consent(args, out, held, survey)
    if not ok then return nil, err end
    return held.box:show(chosen.named[1].number)
  end)
end

--- The message of that number, when it is still what somebody has seen of it; nil, err.
function retry.unchanged(box, seen)
  local now, err = box:show(seen.number)
  if err then return nil, err end
  if not now or now.changed ~= seen.changed or now.state ~= seen.state then
    return refuse(("message %d has changed meanwhile: it is %s"):format(seen.number,
      now and words.state(now.state) or "gone"), "look at it again before you do anything to it")
  end
  return now
end

--- Sends one again, unless it has changed since somebody saw it: true | nil, err. outcome: as of
-- box:requeue; with a body it was edited.
function retry.one(box, seen, outcome)
  local msg, err = retry.unchanged(box, seen)
  if not msg then return nil, err end
  if not fits[msg.state] or msg.claimed then
    return refuse(("message %d is %s"):format(msg.number, fits[msg.state] and "being sent just now"
      or words.state(msg.state)), "only what is rejected, in doubt or waiting can be sent again")
  end
  outcome.error = outcome.body and "edited and sent again by hand" or BY_HAND
  local changed
  changed, err = box:requeue(msg.number, outcome)
  if not changed then return nil, err end
  if changed == 0 then return refuse(("message %d is being sent just now"):format(msg.number)) end
  return true
end

-- While somebody edits, the outbox is not held; it may have gone on.
local function store(args, out, msg, outcome)
  local box <close>, err = open_outbox(args)
  if not box then return nil, err end
  local ok
  ok, err = retry.one(box, msg, outcome)
  if not ok then return nil, err end
  tell({}, out, box, { total = 1, states = { [msg.state] = 1 }, old = 0 }, 1)
  return true
end

local function retry_edited(args, out)
  local msg, err = fetch(args, out)
  if not msg then return nil, err end
  local outcome, draft = edit.outcome(msg, args)
  local ok
  if outcome == nil then return nil, draft end
  if outcome == false then
    ok, err = ask(args, out, "nothing was changed; send it again as it is")
    if not ok then return nil, err end
    outcome = {}
  end
  if (args.edit or args.body) and (outcome.body or "") ~= "" and bodies.about(msg).data ~= nil then
    out:note "functions of the sender still see the data that the old body was made of"
  end
  ok, err = store(args, out, msg, outcome)
  if not ok then return edit.kept(draft, err) end
  edit.done(draft)
end

--- Runs the command.
function retry.run(args, out)
  local ok, err = check_words(args)
  if not ok then return nil, err end
  if args.edit or args.body or #args.header > 0 then return retry_edited(args, out) end
  return retry_many(args, out)
end

return retry
