-- outbox_edit.lua -- a message of the outbox with a new body or new headers: from an editor, a file
-- or words. What is edited is the body; of a message that failed before it had one, its data as
-- JSON.
local bodies = require "iflow.cli.outbox_bodies"
local core = require "iflow.core"
local errors = require "iflow.error"
local words = require "iflow.cli.outbox_words"

local edit = {}

local EDIT_MAX = 16 * 1024 * 1024 -- bytes

local function refuse(text, hint)
  return nil, errors { code = "usage.invalid", message = text, hint = hint }
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- The editor --------------------------------------------------------------------------------------

local function extension(msg)
  local kind = (msg.content_type or ""):lower()
  for _, name in ipairs { "json", "xml", "csv" } do
    if kind:find(name, 1, true) then return name end
  end
  return "txt"
end

-- What is to be edited, and how the file is called; nil, err.
local function text_of(msg)
  if bodies.is_data(msg) then
    return bodies.data_text(msg) .. "\n", "json"
  elseif msg.size > EDIT_MAX then
    return refuse(("the body has %s, too much for an editor"):format(words.size(msg.size)),
      "write it to a file (iflow outbox show --save FILE), change that, and give it with --body")
  elseif type(msg.body) == "table" then
    local text, err = core.file.read(msg.body.file)
    return text, text and extension(msg) or err
  end
  return msg.body or "", extension(msg)
end

local function run_editor(path)
  local function variable(name)
    local value = os.getenv(name)
    return value ~= "" and value or nil
  end
  local editor = variable "VISUAL" or variable "EDITOR"
  if not editor and not (core.file.is_terminal(0) and core.file.is_terminal(1)) then
    return refuse("there is no terminal for an editor", "give the new text with --body FILE, or "
      .. "set EDITOR to a command that changes the file it is given")
  end
  editor = editor or "vi"
  io.stdout:flush()
  local ok, how, code = os.execute(editor .. " " .. quote(path))
  if ok then return true end
  return refuse(("the editor '%s' ended with %s %d; nothing was done"):format(editor,
    how == "signal" and "signal" or "exit code", code), "set VISUAL or EDITOR to another one, or "
      .. "give the new text with --body FILE")
end

-- Editors end the last line even if it had no end.
local function as_before(before, after)
  if before:sub(-1) ~= "\n" and after:sub(-1) == "\n" and after:sub(-2, -2) ~= "\n" then
    return after:sub(1, -2)
  end
  return after
end

-- The edited text, nil, err; false when nothing was changed. The second value is the file's
-- directory: what somebody wrote is removed only once it has arrived.
local function edited(msg)
  local before, name = text_of(msg)
  if not before then return nil, name end
  local dir = assert(core.file.tempdir "iflow-edit-")
  local path = ("%s/message-%d.%s"):format(dir, msg.number, name)
  local after, err = core.file.write(path, before, "0600")
  if after then after, err = run_editor(path) end
  if after then after, err = core.file.read(path, EDIT_MAX * 2) end
  if not after or as_before(before, after) == before then
    core.file.remove(dir, { recursive = true })
    return after and false, err
  end
  return as_before(before, after), { dir = dir, path = path }
end

-- What was given ------------------------------------------------------------------------------

local function check_new(msg, text)
  if text ~= "" or msg.size == 0 and not bodies.is_data(msg) then return text end
  return refuse("the new text is empty; nothing was done",
    "to give the message up: iflow outbox drop " .. msg.number)
end

-- From --body: a file by name, standard input, or its text when it is to be parsed.
local function given(msg, path)
  if path == "-" then
    local reader <close> = assert(core.file.reader "-")
    local pieces = {}
    for piece in function() return reader:read() end do pieces[#pieces + 1] = piece end
    return check_new(msg, table.concat(pieces))
  end
  local stat = core.file.stat(path)
  if not stat or stat.kind ~= "file" then
    return nil, errors { code = "file.not_found", message = ("there is no file '%s'"):format(path) }
  end
  if stat.size == 0 and msg.size > 0 then return refuse(("'%s' is empty"):format(path)) end
  if bodies.is_data(msg) then return core.file.read(path) end
  return { file = path }
end

-- Headers by curl's rule: "Name: value" sets, "Name:" removes.
local function merge_headers(msg, lines)
  local headers, content_type = {}, msg.content_type
  for name, value in pairs(msg.headers or {}) do headers[name] = value end
  for _, line in ipairs(lines) do
    local name, value = line:match "^([^%s:]+):%s*(.-)%s*$"
    for known in pairs(headers) do
      if known:lower() == name:lower() then headers[known] = nil end
    end
    if name:lower() == "content-type" then
      content_type = value ~= "" and value or nil
    elseif value ~= "" then
      headers[name] = value
    end
  end
  return next(headers) and headers or nil, content_type
end

--- The value of -H.
function edit.header(word)
  if not word:find "^[%w!#$%%&'*+.^_`|~-]+:[^\r\n\0]*$" then
    return nil, "is no header; write 'Name: value', or 'Name:' to remove it"
  end
  return word
end

-- What box:requeue takes for a new text: the whole message, since nothing of the old one stays.
local function outcome_of(msg, text, header_lines)
  local about = {}
  for name, value in pairs(bodies.about(msg)) do about[name] = value end
  local headers, content_type = merge_headers(msg, header_lines)
  local outcome = { headers = headers, content_type = content_type, source = msg.source }
  if text == nil then
    outcome.body = msg.body or ""
  elseif bodies.is_data(msg) then
    local data, err = core.json.decode(text)
    if data == nil then
      return refuse("the new text is no JSON: " .. err.message, "the message failed before it had "
        .. "bytes; its data are written as JSON")
    end
    outcome.body, about.data, about.lost = "", data, nil
  else
    outcome.body, about.lost, about.no_body = text, nil, nil
  end
  outcome.about = next(about) and about or type(msg.about) ~= "table" and msg.about or nil
  return outcome
end

-- The mistakes of somebody who typed into an editor: the text stays.
local function kept(draft, err)
  if not draft then return nil, err end
  local copy = {}
  for name, value in pairs(err) do copy[name] = value end
  copy.hint = ("your text is in %s: mend it there, and give it with --body"):format(draft.path)
  return nil, errors(copy)
end

--- The outcome for box:requeue that the words ask for (args: edit, body, header), and a draft;
-- false when nothing was changed; or nil, err. The draft's file is removed with edit.done, or
-- spoken of with edit.kept.
function edit.outcome(msg, args)
  local text, err, draft
  if args.edit then
    text, draft = edited(msg)
    if text == nil then return nil, draft end
    if text == false then
      if #args.header == 0 then return false end
      text, draft = nil, nil
    else
      text, err = check_new(msg, text)
      if not text then
        edit.done(draft)
        return nil, err
      end
    end
  elseif args.body then
    text, err = given(msg, args.body)
    if not text then return nil, err end
  end
  local outcome
  outcome, err = outcome_of(msg, text, args.header)
  if not outcome then return kept(draft, err) end
  return outcome, draft
end

--- The outcome for box:requeue of a message with another text, or nil, err.
function edit.of_text(msg, text)
  local fine, err = check_new(msg, text)
  if not fine then return nil, err end
  return outcome_of(msg, fine, {})
end

edit.kept = kept

--- What was edited has arrived.
function edit.done(draft)
  if draft then core.file.remove(draft.dir, { recursive = true }) end
end

return edit
