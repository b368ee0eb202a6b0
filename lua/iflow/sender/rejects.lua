--- The file of messages that were not delivered: JSON lines, one a message, to be mended with an
-- editor and sent again with `iflow run SCRIPT --sender NAME --again FILE`. Internal.
--
-- Each line is an object: "sender"; "outcome" ("rejected", "retryable", "in_doubt"); "error" with
-- code and message; "step": the transform to start with, absent when all of them had run;
-- "message": id, headers, content_type, source, and "data" (as it came into that step) or "body",
-- "body_base64" (when it is no UTF-8), "body_file". A message that failed in a step goes through it
-- again; one that the endpoint refused through the step that made its bytes, if it has data; else
-- it is sent as it was. Its id stays. "lost" says why the message does not stand here as it was; it
-- is not sent until that is mended and "lost" removed. Only the user can read the file.

local core = require "iflow.core"
local errors = require "iflow.error"
local message = require "iflow.message"
local new_semaphore = require "iflow.semaphore"
local suggest = require "iflow.suggest"

local rejects = {}

local LINE_MAX = 64 * 1024 * 1024
local outcomes = { rejected = true, retryable = true, in_doubt = true }
local DEPTH = 32 -- of data that are shown as well as they can be

local writer = {}
writer.__index = writer

-- What JSON cannot hold, as well as a person can recognise it.
local function legible(value, depth)
  local kind = type(value)
  if kind == "string" then
    return utf8.len(value) and value or (value:gsub("[\x80-\xff]", "\u{FFFD}"))
  elseif kind ~= "table" then
    return core.json.encode(value) and value or tostring(value)
  elseif depth == 0 then
    return "…"
  end
  local copy, count = {}, 0
  for _ in pairs(value) do count = count + 1 end
  for key, item in pairs(value) do
    if #value ~= count then key = legible(tostring(key), 0) end
    copy[key] = legible(item, depth - 1)
  end
  return copy
end

-- The body's fields of a line; why it is lost when it could be read only once.
local function put_body(into, msg)
  local body = msg.body
  if type(body) == "table" then
    into.body_file = body.file
  elseif type(body) == "string" then
    if utf8.len(body) then into.body = body else into.body_base64 = core.crypto.base64(body) end
  elseif body == nil then
    return "it has neither data nor a body"
  else
    return "its body was a stream: send its source again"
  end
end

local function put_message(line, fields, msg, at)
  -- Data are easier to mend than the bytes that were made of them.
  line.step = at or msg.data ~= nil and msg.encoded_by or nil
  if msg.data == nil or not line.step and msg.body ~= nil then
    line.lost = put_body(fields, msg)
    return
  end
  local fine, err = core.json.encode(msg.data)
  if fine then
    fields.data = msg.data
  elseif msg.body ~= nil then
    line.step = at
    line.lost = put_body(fields, msg)
  else
    fields.data = legible(msg.data, DEPTH)
    line.lost = "the data cannot be written as they were: " .. err.message
  end
end

local function line_of(name, msg, err, at, stored)
  local fields = { id = msg.id, headers = next(msg.headers) and msg.headers or nil,
    content_type = msg.content_type, source = next(msg.source) and msg.source or nil,
    trace = msg.trace }
  local line = { sender = name, outcome = err.outcome, message = fields,
    error = { code = err.code, message = err.message, status = err.status,
      message_id = err.message_id } }
  put_message(line, fields, msg, at)
  if stored then
    line.lost, fields.data = stored.lost or line.lost, stored.data or fields.data
  end
  local text = core.json.encode(line, { sort = true })
  if text then return text end
  return assert(core.json.encode(legible(line, DEPTH), { sort = true })) -- headers, error texts
end

--- The line of a message that failed with err (its outcome, code, message, status and message_id
-- are written); at: the step to start with, nil when all had run; name: of its sender. Of a message
-- that was stored: { lost = why it does not stand here as it was, data = what functions of the
-- sender look at, beside its body }.
rejects.line = line_of

-- What stands in the file already, if it does not end with a whole line.
local function is_cut(path)
  local file = io.open(path, "rb")
  if not file then return false end
  local size = file:seek "end"
  local cut = size > 0 and file:seek("set", size - 1) and file:read(1) ~= "\n"
  file:close()
  return cut
end

-- What is there stays: messages of an earlier run may stand there. Waits.
local function open(self)
  if self.file then return true end
  if not core.file.stat(self.path) then
    local ok, err = core.file.write(self.path, "", "0600")
    if not ok then return nil, err end
    self.made = true
  end
  local cut = is_cut(self.path)
  local file, why = io.open(self.path, "ab")
  if not file then return nil, errors { code = "file.no_access", message = why } end
  file:setvbuf "line"
  if cut then file:write "\n" end
  self.file = file
  return true
end

--- Opens the file, so that nothing has to wait when a message is written; true, or nil, err. If it
-- stays empty, it goes with close.
function writer:open()
  local _ <close> = self.turn:acquire()
  return open(self)
end

--- Writes a message down; the file is made for the first one, which takes a while: others that are
-- to be written meanwhile wait. When it is open, nothing waits.
function writer:add(msg, err, at)
  local _ <close> = not self.file and self.turn:acquire() or nil
  assert(open(self))
  self.count = self.count + 1
  assert(self.file:write(line_of(self.name, msg, err, at), "\n"))
end

--- Writes down what was read from such a file, as it was.
function writer:keep(entry)
  assert(open(self))
  self.count = self.count + 1
  assert(self.file:write(entry.text, "\n"))
end

function writer:close()
  if self.file then self.file:close() end
  if self.made and self.count == 0 then os.remove(self.path) end
  self.file, self.made = nil, false
end
writer.__close = writer.close

--- A file to be: made when something is rejected. name: of the sender.
function rejects.writer(path, name)
  return setmetatable({ path = path, name = name, count = 0, turn = new_semaphore(1) }, writer)
end

-- Reading -------------------------------------------------------------------------------------

local function bad_line(path, number, what)
  return errors { code = "usage.invalid", message = ("%s:%d: %s"):format(path, number, what),
    hint = "each line is a JSON object as `iflow run` wrote it; data and body may be edited" }
end

local function body_of(fields)
  if fields.body_base64 then return core.crypto.unbase64(fields.body_base64) end
  if fields.body_file then return { file = fields.body_file } end
  return fields.body
end

-- What is wrong with a line that is an object with a message; nil when nothing is.
local function mistake_in(line, fields)
  if line.lost ~= nil then
    return ("%s; mend it and remove the field 'lost', or remove the line"):format(
      tostring(line.lost))
  end
  if not outcomes[line.outcome or "rejected"] then
    return suggest.message("'outcome' must be \"rejected\", \"retryable\" or \"in_doubt\"",
      line.outcome, { "rejected", "retryable", "in_doubt" })
  end
  if line.step ~= nil and (math.type(line.step) ~= "integer" or line.step < 1) then
    return "'step' must be the number of a transform, or absent"
  end
  for _, name in ipairs { "id", "content_type", "body_base64", "body_file" } do
    if type(fields[name] or "") ~= "string" then return ("'%s' must be a text"):format(name) end
  end
  if fields.body_base64 and not core.crypto.unbase64(fields.body_base64) then
    return "'body_base64' is no base64"
  end
end

local function without_nulls(fields)
  for name, value in pairs(fields) do
    if value == core.json.null and name ~= "data" then fields[name] = nil end
  end
  return fields
end

local function entry_of(path, number, text)
  local line, err = core.json.decode(text)
  if not line then return nil, bad_line(path, number, err.message) end
  local fields = type(line) == "table" and line.message
  if type(fields) ~= "table" then return nil, bad_line(path, number, "there is no 'message'") end
  local wrong = mistake_in(without_nulls(line), without_nulls(fields))
  if wrong then return nil, bad_line(path, number, wrong) end
  local ok, msg = pcall(message.new, { id = fields.id, data = fields.data, body = body_of(fields),
    headers = fields.headers, content_type = fields.content_type, source = fields.source,
    trace = fields.trace })
  if not ok then return nil, bad_line(path, number, (tostring(msg):gsub("^[^:]*:%d+: ", ""))) end
  if msg.data == nil and msg.body == nil then
    return nil, bad_line(path, number, "the message has neither 'data' nor 'body'")
  end
  return { step = line.step, outcome = line.outcome, sender = line.sender,
    place = ("%s:%d"):format(path, number), text = text }, msg
end

-- A large file has many messages: each is made again when it is asked for.
local entry_class = {
  __index = function(self, name)
    if name ~= "message" then return nil end
    return select(2, entry_of("", 0, self.text))
  end,
}

--- All entries of such a file: { { step, outcome, sender, place, text, message }… }, or nil, err
-- naming file and line; then nothing is to be sent.
function rejects.read(path)
  local file, why = io.open(path, "rb")
  if not file then return nil, errors { code = "file.not_found", message = why } end
  local list, number = {}, 0
  for text in file:lines() do
    number = number + 1
    if #text > LINE_MAX then return nil, bad_line(path, number, "the line is too long") end
    if text:find "%S" then
      local entry, err = entry_of(path, number, text)
      if not entry then return nil, err end
      list[#list + 1] = setmetatable(entry, entry_class)
    end
  end
  file:close()
  return list
end

return rejects
