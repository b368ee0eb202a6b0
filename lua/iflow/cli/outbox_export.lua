-- outbox_export.lua -- `iflow outbox export`: messages as JSON lines, in the form of a file of
-- rejects (lua/iflow/sender/rejects.lua), so that `iflow run SCRIPT --sender NAME --again FILE` can
-- send them. Large bodies are written piece by piece.
local bodies = require "iflow.cli.outbox_bodies"
local core = require "iflow.core"
local errors = require "iflow.error"
local hold = require "iflow.cli.outbox_held"
local rejects = require "iflow.sender.rejects"
local selection = require "iflow.cli.outbox_selection"
local words = require "iflow.cli.outbox_words"

local export = {}

local INLINE_MAX = 40 * 1024 * 1024 -- larger ones do not fit into a line that can be read again
local outcomes = { rejected = "rejected", in_doubt = "in_doubt", started = "in_doubt" }

-- Writes the line, whose body stands as `mark`, with the file's bytes in its place.
local function write_streamed(write, line, mark, path)
  local before, after = line:match("^(.-)\"body\":\"" .. mark .. "\"(.*)$")
  if bodies.is_utf8(path) then
    write(before, '"body":"')
    for piece in bodies.characters(path) do write((core.json.encode(piece):sub(2, -2))) end
  else
    write(before, '"body_base64":"')
    for piece in bodies.pieces(path) do write(core.crypto.base64(piece)) end
  end
  write('"', after, "\n")
end

-- Lines -----------------------------------------------------------------------------------------

local function error_of(msg)
  return { outcome = outcomes[msg.state] or "retryable", code = msg.code, message = msg.error,
    status = msg.status, message_id = msg.message_id }
end

-- Whether it was stored without a body; its data, if there are any, are what is to be sent.
local function has_no_body(msg) return bodies.about(msg).no_body == true end

local function line_of(msg, body)
  local about, data = bodies.about(msg), nil
  local stored = { lost = about.lost, data = about.data }
  if has_no_body(msg) then data, body, stored.data = about.data, nil, nil end
  return rejects.line(msg.sender, { id = msg.id, headers = msg.headers or {}, body = body,
    content_type = msg.content_type, source = msg.source or {}, data = data }, error_of(msg),
    about.step, stored)
end

local function write_large(target, msg, path)
  if not target.path then
    return nil, errors { code = "limit.exceeded",
      message = ("message %d has a body of %s, too long for a line"):format(msg.number,
        words.size(msg.size)),
      hint = "name a file with -o: such a body is put beside it" }
  end
  local beside = ("%s.%d.body"):format(target.path, msg.number)
  local ok, err = bodies.save({ file = path }, beside)
  if not ok then return nil, err end
  target.write(line_of(msg, { file = beside }), "\n")
  return true
end

-- True; false when its body has just gone with its delivery; nil, err.
local function write_message(target, msg)
  local path = type(msg.body) == "table" and msg.body.file
  if path and not core.file.stat(path) then return false end
  if not path or has_no_body(msg) then
    target.write(line_of(msg, msg.body), "\n")
    return true
  elseif msg.size > INLINE_MAX then
    return write_large(target, msg, path)
  end
  local mark = "body-" .. core.crypto.uuid()
  write_streamed(target.write, line_of(msg, mark), mark:gsub("%-", "%%-"), path)
  return true
end

-- Where to --------------------------------------------------------------------------------------

local function stdout_target()
  local function check(ok, why)
    return ok or error(errors { code = "file.io", message = "standard output: " .. why }, 0)
  end
  return { write = function(...) check(io.stdout:write(...)) end,
    finish = function() return check(io.stdout:flush()) end }
end

-- Writes all of them: their number; nil, err.
local function write_pages(target, pages)
  local count = 0
  for page in pages do
    for _, msg in ipairs(page) do
      local ok, err = false, nil
      if msg.body ~= nil then ok, err = write_message(target, msg) end -- else it is delivered
      if err then return nil, err end
      if ok then count = count + 1 end
    end
  end
  local ok, err = target.finish()
  if not ok then return nil, err end
  return count
end

--- Writes the pages of messages (with bodies) to the file of that name, nil: standard output. The
-- number written, or nil, err; a file is on disk then, and gone when it could not be completed.
function export.write(pages, path)
  local target, err = stdout_target(), nil
  if path then target, err = bodies.new_file(path) end
  if not target then return nil, err end
  local count
  local _ <close> = setmetatable({}, { __close = function()
    if path and not count then os.remove(path) end
  end })
  count, err = write_pages(target, pages)
  return count, err
end

--- Runs the command.
function export.run(args, out)
  local held <close>, err = hold(args)
  if not held then return nil, err end
  args.all = args.all or #args.message == 0 -- an export changes nothing
  local chosen, count
  chosen, err = selection.new(held, args, selection.NOT_DELIVERED, "export")
  if not chosen then return nil, err end
  count, err = export.write(chosen:pages_of { bodies = true }, args.output)
  if not count then return nil, err end
  if args.output then
    out:result(function()
      out:print(("%s written to %s"):format(words.messages(count), args.output))
    end, { written = count, file = args.output })
  end
  out:note(count == 0 and "no message matches" or "they are still in the outbox: drop them there "
    .. "before you send them from the file (iflow outbox drop --export FILE does both)")
end

return export
