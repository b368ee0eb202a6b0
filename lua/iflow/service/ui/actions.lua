--- What the forms of a message do, as `iflow outbox retry` and `iflow outbox drop` do it. Each is
-- logged with who asked. Internal.

local body = require "iflow.service.ui.body"
local core = require "iflow.core"
local edit = require "iflow.cli.outbox_edit"
local message = require "iflow.service.ui.message"
local retry = require "iflow.cli.outbox_retry"

local actions = {}

local NOT_SURE = "It is in doubt: say that you have looked for it in the tenant's monitor."

local function log(req, event, text, msg)
  core.log.write("info", "ui", ("message %d: %s"):format(msg.number, text), { event = event,
    sender = msg.sender, id = msg.id, peer = req.peer })
end

-- What the form has seen of the message; nil, what to tell.
local function seen(msg, form)
  if message.mark(msg) == form.changed and msg.state == form.seen then return true end
  return nil, "It has changed meanwhile, and nothing was done. This is how it is now."
end

local function send_again(ui, req, msg, outcome, text)
  local ok, err = retry.one(ui.service.box, msg, outcome)
  if not ok then return nil, err.message end
  log(req, outcome.body and "edited" or "retried", text, msg)
  ui.service:wake(msg.sender)
  return ("/messages/%d?done=sent"):format(msg.number)
end

local function is_sure(msg, form) return msg.state ~= "in_doubt" or form.sure == "yes" end

--- Each gives the path that follows; nil, what went wrong.
function actions.retry(ui, req, msg, form)
  if not is_sure(msg, form) then return nil, NOT_SURE end
  return send_again(ui, req, msg, {}, "sent again by hand")
end

function actions.edit(ui, req, msg, form)
  if not is_sure(msg, form) then return nil, NOT_SURE end
  local shown = body.shown(msg)
  if not shown.editable then return nil, shown.why end
  local text = body.typed(msg, form.body or "")
  local outcome, err = edit.of_text(msg, text)
  if not outcome then return nil, err.message .. (err.hint and "; " .. err.hint or "") end
  return send_again(ui, req, msg, outcome, "edited and sent again by hand")
end

function actions.drop(ui, req, msg)
  local count, err = ui.service.box:drop(msg.number)
  if not count then return nil, err.message end
  if count == 0 then return nil, "It is being sent just now, and stays." end
  log(req, "dropped", "dropped by hand", msg)
  return "/messages?done=dropped"
end

--- POST /messages/N/ACTION, from a form of ours.
return function(ui, req, form, number, name)
  local msg, err = ui.service.box:show(number)
  if err then error(err, 0) end
  if not msg then return ui:missing(req, "The outbox has no message of this number (any more).") end
  local ok, problem, path
  ok, problem = seen(msg, form)
  if ok then path, problem = actions[name](ui, req, msg, form) end
  if path then return ui:redirect(req, path) end
  message.answer(ui, req, msg, { problem = problem, status = 409,
    text = form.body and body.typed(msg, form.body) })
end
