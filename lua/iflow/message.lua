--- A message on its way to an iFlow endpoint: what transforms take and give, what a sender sends.
--
--   local msg = message.new { body = "…", headers = { Region = "EMEA" } }
--   msg = msg:with { data = record, line = 12, record = 11 }
--
-- Fields, all optional:
--   id            the same on every attempt, also after a crash; the sender gives one if it is nil
--   data          the parsed message, a Lua value
--   body          its bytes: a string; { file = path }; or a function that returns the next piece
--                 at each call, nil at the end (then it can be read once)
--   headers       HTTP headers of its own, name -> value
--   content_type  of the body
--   attempt       0 before the first attempt, then its number
--   encoded_by    number of the step that made the body of the data; set by the chain of transforms
--   trace         the trace it belongs to (lua/iflow/trace.lua)
--   source        where it comes from: { file = "orders.csv", line = 12, record = 11 }; every error
--                 about the message names it

local core = require "iflow.core"
local errors = require "iflow.error"
local suggest = require "iflow.suggest"
local trace = require "iflow.trace"

local PIECE = 64 * 1024
local TEXT_MAX = 16 * 1024 * 1024

local message = { __name = "iflow.message" }
message.__index = message

local fields = { "id", "data", "body", "headers", "content_type", "attempt", "source",
  "trace" }
local changes = { "id", "data", "body", "headers", "content_type", "line", "record" }

local function set_of(names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

local is_field, is_change = set_of(fields), set_of(changes)

-- Once a record, so quick when all is well.
local function check_keys(given, is_known, known)
  for key in pairs(given) do
    if not is_known[key] then suggest.check_keys(given, known, 3) end
  end
end

local module = {}

local function copy(from)
  local to = {}
  if from then
    for key, value in next, from do to[key] = value end
  end
  return to
end

local function check_body(body, level)
  local kind = type(body)
  if kind == "nil" or kind == "string" or kind == "function" then return end
  if kind == "table" and type(body.file) == "string" then return end
  error("the body of a message is a string, { file = path } or an iterator of pieces, got " .. kind,
    level + 1)
end

local function check_type(given, name, kind, text, level)
  local value = given[name]
  if value == nil or type(value) == kind then return end
  error(("the field '%s' of a message is %s, got %s"):format(name, text, type(value)), level + 1)
end

--- A message of the given fields (a table with any of those above); raises when one is wrong.
function module.new(given)
  check_keys(given, is_field, fields)
  check_body(given.body, 2)
  check_type(given, "headers", "table", "a table, name -> value", 2)
  check_type(given, "source", "table", "a table { file =, line =, record = }", 2)
  check_type(given, "content_type", "string", "a text", 2)
  check_type(given, "attempt", "number", "a number", 2)
  if given.trace ~= nil and not trace.is(given.trace) then
    error("the field 'trace' of a message is what iflow.trace.parse or .make returned", 2)
  end
  local self = copy(given)
  self.headers, self.source, self.attempt = copy(given.headers), copy(given.source),
    given.attempt or 0
  return setmetatable(self, message)
end

--- Whether the value is a message.
function module.is(value) return getmetatable(value) == message end

--- A message of whatever a script sends: a message as it is, a string or an iterator as body, any
-- other table as data. `source`, a table of the message's own from then on, is used when it has
-- none. level: as in error.
function module.of(payload, source, level)
  local kind = type(payload)
  if kind == "string" or kind == "function" then
    return setmetatable({ body = payload, headers = {}, source = source or {}, attempt = 0,
      id = nil, data = nil, began = nil, address = nil }, message) -- room for what it gets
  elseif kind == "table" then
    if getmetatable(payload) == message then return payload end
    return setmetatable({ data = payload, headers = {}, source = source or {}, attempt = 0,
      id = nil, body = nil, began = nil, address = nil, encoded_by = nil }, message)
  end
  error("a message, a string, a table or an iterator of pieces is expected, got " .. kind,
    (level or 2) + 1)
end

-- All fields of a message in another one.
local function clone(self)
  local new = { id = nil, data = nil, body = nil, headers = nil, source = nil, content_type = nil,
    attempt = nil, encoded_by = nil, began = nil, address = nil } -- room for what it gets
  for key, value in next, self do new[key] = value end
  new.headers, new.source = copy(self.headers), copy(self.source)
  return setmetatable(new, message)
end

--- A copy with the bytes that a step has made of its data: as `with` makes it, without a look at
-- what is known to be good. Internal, for the transforms.
function message:with_bytes(body, content_type)
  local new = clone(self)
  new.body, new.content_type = body, content_type
  return new
end

--- A copy with some fields changed; the others are inherited. New data takes the place of the body.
-- A new body does not take that of the data it was made of: functions of the message still see
-- them, but what is sent is the body. `line` and `record` change the source; id = false drops the
-- id, for one of several messages that are made of this one.
function message:with(change)
  check_keys(change, is_change, changes)
  check_body(change.body, 2)
  check_type(change, "headers", "table", "a table, name -> value", 2)
  check_type(change, "content_type", "string", "a text", 2)
  local new = clone(self)
  if change.headers then new.headers = copy(change.headers) end
  if change.data ~= nil then new.data, new.body = change.data, nil end
  if change.body ~= nil then new.body = change.body end
  if change.content_type ~= nil then new.content_type = change.content_type end
  if change.id ~= nil then new.id = change.id or nil end
  new.source.line = change.line or new.source.line
  new.source.record = change.record or new.source.record
  return new
end

local function no_bytes(self)
  return nil, errors { code = "transform.invalid",
    message = ("%s has %s, but bytes are needed here"):format(self:where(),
      self.data == nil and "neither data nor a body" or "data"),
    hint = "put a transform before it that makes bytes of data, for example to_json {}" }
end

-- Pieces of a file; an error while reading is raised, since an iterator cannot return it.
local function file_pieces(path)
  local reader, err = core.file.reader(path)
  if not reader then return nil, err end
  return function()
    local piece, why = reader:read()
    if piece then return piece end
    reader:close()
    if why then error(why, 0) end
  end
end

--- An iterator of the body's bytes in non-empty pieces: 64 KiB at most of a string, 256 KiB of a
-- file, what an iterator gives otherwise. nil, err when there is no body, or no such file.
function message:pieces()
  local body = self.body
  if body == nil then return no_bytes(self) end
  if type(body) == "table" then return file_pieces(body.file) end
  if type(body) == "function" then
    return function()
      local piece
      repeat piece = body() until piece ~= ""
      return piece
    end
  end
  local at = 1
  return function()
    if at > #body then return nil end
    local piece = body:sub(at, at + PIECE - 1)
    at = at + PIECE
    return piece
  end
end

--- The whole body as a string. limit: bytes, 16 MiB by default; nil, err (limit.exceeded) beyond.
function message:text(limit)
  limit = limit or TEXT_MAX
  local body, list, size = self.body, {}, 0
  if type(body) ~= "string" then
    local pieces, err = self:pieces()
    if not pieces then return nil, err end
    for piece in pieces do
      size = size + #piece
      if size > limit then break end
      list[#list + 1] = piece
    end
    body = size <= limit and table.concat(list) or ""
  end
  if math.max(size, #body) > limit then
    return nil, errors { code = "limit.exceeded",
      message = ("%s has a body of more than %d bytes"):format(self:where(), limit) }
  end
  return body
end

--- Where the message comes from, for error texts: "orders.csv:12 (record 11)", "message 018f…".
function message:where()
  local source = self.source
  local text = source.file or (source.line or source.record) and "input" or nil
  if not text then return self.id and "message " .. tostring(self.id) or "the message" end
  if source.line then text = text .. ":" .. source.line end
  if source.record then text = ("%s (record %d)"):format(text, source.record) end
  return text
end

--- The error with where the message comes from in front, once; an iflow.error of any error value.
-- code: for what is none, "transform.failed" by default.
function message:about(err, code)
  err = errors.wrap(err, code or "transform.failed")
  local where = self:where()
  if err.message:find(where, 1, true) then return err end
  local placed = copy(err)
  placed.message = where .. ": " .. err.message
  return errors(placed)
end

message.__tostring = message.where

return module
