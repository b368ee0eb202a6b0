-- outbox_drop.lua -- `iflow outbox drop`: messages are given up, on request after they were written
-- to a file.
local ask = require "iflow.cli.outbox_ask"
local clock = require "iflow.clock"
local errors = require "iflow.error"
local export = require "iflow.cli.outbox_export"
local hold = require "iflow.cli.outbox_held"
local lists = require "iflow.cli.outbox_list"
local selection = require "iflow.cli.outbox_selection"
local words = require "iflow.cli.outbox_words"

local drop = {}

local STATES = { "rejected" }  -- without --state

local function warn(out, states)
  if (states.in_doubt or 0) + (states.ready or 0) + (states.blocked or 0) > 0 then
    out:warn(("some are not decided yet (%s): dropped messages are never sent"):format(
      words.states { in_doubt = states.in_doubt, ready = states.ready, blocked = states.blocked }))
  end
  if (states.delivered or 0) > 0 then
    out:warn "of delivered ones the id is forgotten: the same message would be accepted once more"
  end
end

-- Drops what the survey has seen and nothing has touched since `began`.
local function drop_all(held, chosen, began, total)
  local dropped, seen = 0, 0
  for page in chosen:pages_of() do
    local numbers = {}
    for _, msg in ipairs(page) do
      if msg.changed <= began then numbers[#numbers + 1] = msg.number end
    end
    if #numbers > 0 then dropped = dropped + assert(held.box:drop(numbers)) end
    seen = seen + #page
    held.progress(seen, total)
  end
  held.progress(total, total)
  return dropped
end

local function tell(args, out, survey, dropped, written)
  out:result(function()
    if survey.total == 0 then return out:print "no message matches" end
    out:print(("%s dropped%s"):format(words.messages(dropped), written and written > 0
      and (", written to %s before"):format(args.export) or ""))
  end, { selected = survey.total, dropped = dropped, states = survey.states, written = written,
    file = args.export })
  if dropped < survey.total then
    out:note(("%s stay: they are being sent, or changed meanwhile"):format(
      words.messages(survey.total - dropped)))
  end
end

local function check_states(args)
  for _, state in ipairs(args.state) do
    if state == "started" then
      return nil, errors { code = "usage.invalid", message = "what is started cannot be dropped",
        hint = "wait until its attempt has ended" }
    end
  end
  return true
end

-- Writes them to the file of --export: their number, nil without one; nil, err.
local function write_before(args, chosen)
  if not args.export then return nil end
  return export.write(chosen:pages_of { bodies = true }, args.export)
end

--- Runs the command.
function drop.run(args, out)
  local ok, err = check_states(args)
  if not ok then return nil, err end
  local held <close>, open_err = hold(args)
  if not held then return nil, open_err end
  local chosen
  chosen, err = selection.new(held, args, STATES, "drop")
  if not chosen then return nil, err end
  local survey, began = chosen:survey(), clock.now()
  if args.dry_run then
    return lists.dry_run(out, chosen, survey, "dropped", { would_be_dropped = survey.total,
      states = survey.states })
  end
  if survey.total == 0 then return tell(args, out, survey, 0) end
  warn(out, survey.states)
  ok, err = held:without(function()
    return ask(args, out, ("drop %s for good (%s)"):format(words.messages(survey.total),
      words.states(survey.states)))
  end)
  if not ok then return nil, err end
  local written
  written, err = write_before(args, chosen)
  if err then return nil, err end
  tell(args, out, survey, drop_all(held, chosen, began, survey.total), written)
end

return drop
