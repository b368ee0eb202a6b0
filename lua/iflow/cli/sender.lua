-- sender.lua -- `iflow run SCRIPT --sender NAME`: sends a file, or what was rejected before, by a
-- sender of the script; shows how far it is, writes down what was not delivered, and sums up.
local core = require "iflow.core"
local delivery = require "iflow.sender.delivery"
local errors = require "iflow.error"
local message = require "iflow.message"
local new_progress = require "iflow.sender.progress"
local new_sending = require "iflow.sender.sending"
local rejects = require "iflow.sender.rejects"
local suggest = require "iflow.suggest"

local module = {}

local SHOWN = 2000 -- bytes of a body that --dry-run shows

local function usage(text, hint)
  return nil, errors { code = "usage.invalid", message = text, hint = hint }
end

--- The sender of that name among those of the registry, or nil, err.
function module.find(registry, name)
  for _, known in ipairs(registry.names) do
    if known == name then return registry.senders[name] end
  end
  if #registry.names == 0 then return usage "the script defines no sender" end
  return usage(suggest.message(("the script defines no sender '%s'"):format(name), name,
    registry.names), "it defines: " .. table.concat(registry.names, ", "))
end

-- What --dry-run shows ------------------------------------------------------------------------

local function body_text(body)
  if type(body) == "function" then return "(a stream)" end
  if type(body) == "table" then return "(the file " .. body.file .. ")" end
  if body == nil then return "(no body)" end
  if not utf8.len(body) then return ("(%d bytes that are no text)"):format(#body) end
  if #body <= SHOWN then return body end
  return body:sub(1, utf8.offset(body, 0, SHOWN) - 1) .. ("… (%d bytes in all)"):format(#body)
end

local function show(out, msg, call)
  local method = call.method or (call.body ~= nil and "POST" or "GET")
  local lines = { ("# %s\n%s %s"):format(msg:where(), method, call.to) }
  local names = {}
  for name in pairs(call.headers) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    lines[#lines + 1] = ("%s: %s"):format(name, tostring(call.headers[name]))
  end
  lines[#lines + 1] = "\n" .. body_text(call.body) .. "\n"
  if out.json_mode then
    return out:json { to = call.to, method = method, headers = call.headers,
      body = type(call.body) == "string" and call.body or nil, source = msg.source }
  end
  out:print(table.concat(lines, "\n"))
end

-- In place of the endpoint: shows what would be sent.
local function dry_sink(run, sender, out)
  return function(msg)
    local call, err = delivery.prepare(sender, msg)
    if not call then return run:account(msg, nil, err, #sender.options.transform + 1) end
    run.shown = (run.shown or 0) + 1
    show(out, msg, call)
  end
end

-- Where the messages come from ----------------------------------------------------------------

-- The input as one message, and how much of it has been read (0 to 1, nil when nobody knows).
local function input_message(path, sender)
  local reader, err = core.file.reader(path)
  if not reader then return nil, err end
  local source = { file = path == "-" and "stdin" or path }
  if path ~= "-" and #sender.options.transform == 0 then
    reader:close()
    return message.new { body = { file = path }, source = source }
  end
  local function pieces()
    local piece, why = reader:read()
    if why then error(why, 0) end
    return piece
  end
  local size = reader:size()
  local function fraction() return size and size > 0 and reader:position() / size or nil end
  return message.new { body = pieces, source = source }, fraction
end

-- What an entry says that this sender cannot follow; nothing is sent then.
local function check_entries(entries, sender)
  local steps = #sender.options.transform
  for _, entry in ipairs(entries) do
    if entry.sender and entry.sender ~= sender.name then
      return usage(("%s: the message is of the sender '%s', not of '%s'"):format(entry.place,
        tostring(entry.sender), sender.name))
    elseif (entry.step or 1) > steps + 1 then
      return usage(("%s: 'step' is %d, but the sender '%s' has %d transforms"):format(entry.place,
        entry.step, sender.name, steps))
    end
  end
  return entries
end

-- Sends entries of a file of rejects again; rest.at: how many it came to. What was in doubt may
-- have arrived.
local function push_again(run, rest, sender, out)
  for i, entry in ipairs(rest.entries) do
    if run:is_full() then break end
    rest.at = i
    if entry.outcome == "in_doubt" and not sender.options.idempotent then
      out:warn(entry.message:where() .. " is in doubt: look it up in the monitor first; then "
        .. "change its outcome to \"rejected\" to send it again")
      rest.keep(entry)
      run.summary.in_doubt = run.summary.in_doubt + 1
    elseif not run:push(entry.message, entry.step or #sender.options.transform + 1) then
      break
    end
  end
end

-- Running -------------------------------------------------------------------------------------

local function default_rejects(sender)
  return ("%s.rejected-%s.jsonl"):format(sender.name, os.date "!%Y%m%dT%H%M%SZ")
end

local function interrupted(summary)
  return summary.stopped ~= nil and summary.stopped.code == "task.canceled"
end

-- Why it ended before its input, and where; reading: the input was not at its end.
local function note_stop(out, sender, run, reading)
  local stopped = run.summary.stopped
  if not stopped then return end
  local text = interrupted(run.summary) and "interrupted" or "stopped"
  if reading then
    local last = run.pipeline.read or run.last
    text = ("%s%s, what follows was not read"):format(text,
      last and " after " .. last:where() or "")
  end
  if not interrupted(run.summary) then text = ("%s: %s"):format(text, tostring(stopped)) end
  out:note(("%s: %s"):format(sender.name, text))
end

local function sum_up(out, sender, run, written, reading)
  local summary = run.summary
  out:result(function()
    if run.dry then
      out:print(("%s: %d would be sent, %d rejected"):format(sender.name, run.shown or 0,
        summary.rejected))
    else
      out:print(sender.name .. ": " .. tostring(summary))
    end
  end, run.dry and { would_be_sent = run.shown or 0, rejected = summary.rejected }
    or summary:values())
  note_stop(out, sender, run, reading)
  if written.count > 0 then
    out:note(("%s: %d not delivered, written to %s; mend them there and send them with --again")
      :format(sender.name, written.count, written.path))
  end
end

-- Messages and where they come from, for the words: a function that pushes them, and the share.
local function source_of(args, sender, out)
  if args.again then
    local entries, err = rejects.read(args.again)
    if entries then entries, err = check_entries(entries, sender) end
    if not entries then return nil, err end
    return function(run, rest)
      rest.entries = entries
      push_again(run, rest, sender, out)
    end
  end
  local msg, fraction = input_message(args.input, sender)
  if not msg then return nil, fraction end
  return function(run) run:push(msg) end, fraction
end

-- Tells of each end: failures on standard error and in the file.
local function reporter(written, out, dry)
  return function(msg, _, err, at)
    if not err then return end
    if err.code ~= "task.canceled" then
      if core.file.is_terminal(2) then io.stderr:write "\r\27[K" end -- over the progress line
      out:note(("%s: %s"):format(err.outcome, tostring(err)))
    end
    if not dry then written:add(msg, err, at) end
  end
end

local function check_words(args)
  if (args.input == nil) == (args.again == nil) then
    return usage("--sender needs what to send: one of --input and --again",
      "name a file (or - for standard input) with --input, or a file of rejects with --again")
  end
  if args.again and args.rejects
    and core.file.absolute(args.again) == core.file.absolute(args.rejects) then
    return usage("--again and --rejects name the same file", "what is not delivered is added to "
      .. "the file of --rejects, so let it be another one")
  end
  return true
end

-- Sends with all that has to be open; what is there to tell is told however it ends.
local function send(push, fraction, sender, args, out)
  local written <close> = rejects.writer(args.rejects or default_rejects(sender), sender.name)
  if not args.dry_run then
    local ok, err = written:open()
    if not ok then return nil, err end
  end
  local run, reading
  local _ <close> = setmetatable({}, { __close = function()
    if run then sum_up(out, sender, run, written, reading) end
  end })
  -- Entries of an earlier file that this run does not come to go to its own, after those that it
  -- did, so that nobody has to find out which ones are left.
  local rest <close> = setmetatable({ entries = {}, at = 0 }, { __close = function(self)
    for i = self.at + 1, #self.entries do self.keep(self.entries[i]) end
  end })
  function rest.keep(entry) if not args.dry_run then written:keep(entry) end end
  run = new_sending(sender, { limit = args.limit, each = reporter(written, out, args.dry_run) })
  local _ <close> = run
  if args.dry_run then run.dry = dry_sink(run, sender, out) end
  local _ <close> = not args.dry_run
    and new_progress(sender.name, run.summary, { fraction = fraction }) or nil
  reading = not args.again
  push(run, rest)
  reading = reading and run.summary.stopped ~= nil
  return run:finish()
end

--- Sends what the words name: the exit code, or nil, err.
-- args: input or again, dry_run, limit, rejects.
function module.run(sender, args, out)
  local ok, err = check_words(args)
  if not ok then return nil, err end
  local push, fraction = source_of(args, sender, out)
  if not push then return nil, fraction end
  if not args.dry_run then
    ok, err = sender:open()
    if not ok then return nil, err end
  end
  local summary
  summary, err = send(push, fraction, sender, args, out)
  sender:close()
  if not summary then return nil, err end
  return summary:exit_code()
end

return module
