--- The file of messages that were not delivered: JSON lines, one a message, to be mended with an
-- editor and sent again with `iflow run SCRIPT --sender NAME --again FILE`. Internal.
--
-- Each line is an object: "sender"; "outcome" ("rejected", "retryable", "in_doubt"); "error" with
-- code and message; "step": the transform to start with, absent when all of them had run;
-- "message": id, headers, content_type, source, and "data" (as it came into that step) or "body",
-- "body_base64" (when it is no UTF-8), "body_file". A message that failed in a step goes through it
-- again; one that the endpoint refused through the step that made its bytes, if it has data; else
-- it is sent as it was. Its id stays. Only the user can read the file.

local core = require "iflow.core"
local errors = require "iflow.error"
local message = require "iflow.message"
local new_semaphore = require "iflow.semaphore"

local rejects = {}

local LINE_MAX = 64 * 1024 * 1024

local writer = {}
writer.__index = writer

-- The body's fields of a line; empty for one that can be read only once.
local function put_body(into, msg)
  local body = msg.body
  if type(body) == "table" then
    into.body_file = body.file
  elseif type(body) == "string" then
    if utf8.len(body) then into.body = body else into.body_base64 = core.crypto.base64(body) end
  end
end

local function line_of(name, msg, err, at)
  local fields = { id = msg.id, headers = next(msg.headers) and msg.headers or nil,
    content_type = msg.content_type, source = next(msg.source) and msg.source or nil }
  local line = { sender = name, outcome = err.outcome, message = fields,
    error = { code = err.code, message = err.message, status = err.status,
      message_id = err.message_id } }
  -- Data are easier to mend than the bytes that were made of them.
  line.step = at or msg.data ~= nil and msg.encoded_by or nil
  if line.step and msg.data ~= nil then fields.data = msg.data else put_body(fields, msg) end
  local text = core.json.encode(line, { sort = true })
  if text then return text end
  line.step, fields.data = at, nil -- they hold what JSON cannot
  put_body(fields, msg)
  return assert(core.json.encode(line, { sort = true }))
end

--- Writes a message down; the file is made for the first one, which takes a while: others that are
-- to be written meanwhile wait.
function writer:add(msg, err, at)
  local _ <close> = self.turn:acquire()
  if not self.file then
    assert(core.file.write(self.path, "", "0600"))
    self.file = assert(io.open(self.path, "ab"))
    self.file:setvbuf "line"
  end
  self.count = self.count + 1
  self.file:write(line_of(self.name, msg, err, at), "\n")
end

function writer:close()
  if self.file then self.file:close() end
  self.file = nil
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

local function entry_of(path, number, text)
  local line, err = core.json.decode(text)
  if not line then return nil, bad_line(path, number, err.message) end
  local fields = type(line) == "table" and line.message
  if type(fields) ~= "table" then return nil, bad_line(path, number, "there is no 'message'") end
  local ok, msg = pcall(message.new, { id = fields.id, data = fields.data, body = body_of(fields),
    headers = fields.headers, content_type = fields.content_type, source = fields.source })
  if not ok then return nil, bad_line(path, number, tostring(msg)) end
  if msg.data == nil and msg.body == nil then
    return nil, bad_line(path, number, "the message has neither 'data' nor 'body'")
  end
  return { message = msg, step = math.tointeger(line.step), outcome = line.outcome,
    sender = line.sender }
end

--- All entries of such a file: { { message, step, outcome, sender }… }, or nil, err naming file
-- and line; then nothing is to be sent.
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
      list[#list + 1] = entry
    end
  end
  file:close()
  return list
end

return rejects
