--- What a drop folder remembers across restarts: the files that it has taken and that are not yet
-- where they belong. A note of the outbox, "files/NAME". Internal.
--
-- A file is entered before the first of its messages is stored, with an id of its own from which
-- the ids of its messages are made: taken again after a crash, what was stored is known. When all
-- of it is durable the entry says where the file is to go: from then on it is only moved, however
-- often that takes. The entry goes when the file has been moved; so the same file, put back by
-- somebody, is a new one and is sent again.
--
--   entry   { path =, inode =, size =, mtime_ns =, device =, id =, since = time,
--             to = "done"|"failed" once it is handed over; rejected =, reason =, text =, sent =,
--             to_do = (hand_over.lua) }

local clock = require "iflow.clock"
local compare = require("iflow.service.files.identity").compare
local core = require "iflow.core"
local errors = require "iflow.error"
local json = require "iflow.json"

local ENTRIES_MAX = 100     -- files that cannot be moved, or are to be tried again later
local BYTES_MAX = 48 * 1024 -- of the note, which has room for 64 KiB
local TEXT_MAX = 300        -- characters of a reason

-- Of an entry: whole numbers that JSON has as texts, since not all programs read them exactly.
local numbers = { "inode", "size", "mtime_ns", "device" }
-- And what is for people.
local texts = { "reason", "text", "sent", "to_do" }

local memory = {}
memory.__index = memory

-- Names of files need not be UTF-8, JSON is.
local function escape(path)
  return (path:gsub("[^\32-\36\38-\126]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function to_json(entry)
  local copy = { path = escape(entry.path), id = entry.id, since = entry.since, to = entry.to,
    rejected = entry.rejected }
  for _, name in ipairs(numbers) do copy[name] = tostring(entry[name]) end
  for _, name in ipairs(texts) do copy[name] = entry[name] end
  return copy
end

local function of_json(value)
  if type(value) ~= "table" or type(value.path) ~= "string" or type(value.id) ~= "string"
    or type(value.since) ~= "number" then
    return nil
  end
  value.path = unescape(value.path)
  for _, name in ipairs(numbers) do
    value[name] = math.tointeger(tonumber(value[name]))
    if not value[name] then return nil end
  end
  return value
end

local function encode(self)
  local list = json.array {}
  for _, entry in ipairs(self.entries) do list[#list + 1] = to_json(entry) end
  return assert(json.encode { files = list })
end

local function damaged(name, text)
  return nil, errors { code = "outbox.corrupt",
    message = ("the note '%s' of the outbox is damaged: %s"):format(name, text:sub(1, 80)) }
end

--- What is remembered under a name in the box; nil, err when the disk fails or the note is none.
local function open(box, name)
  local self = setmetatable({ box = box, name = "files/" .. name, entries = {} }, memory)
  local _ <close> = clock.work()
  local text, err = box:note(self.name)
  if err then return nil, err end
  if not text then return self end
  local value = json.decode(text)
  if type(value) ~= "table" or type(value.files) ~= "table" then return damaged(self.name, text) end
  for i, entry in ipairs(value.files) do
    self.entries[i] = of_json(entry)
    if not self.entries[i] then return damaged(self.name, text) end
  end
  return self
end

-- Makes it durable: true, or nil, err.
local function save(self)
  local _ <close> = clock.work()
  local text = encode(self)
  self.bytes = #text
  local ok, err = self.box:note(self.name, text)
  self.dirty = not ok
  return ok, err
end

--- The entry of the file at the path, or nil.
function memory:find(path)
  for i, entry in ipairs(self.entries) do
    if entry.path == path then return entry, i end
  end
end

--- Whether no further file may be taken until some are moved.
function memory:is_full()
  return #self.entries >= ENTRIES_MAX or (self.bytes or 0) > BYTES_MAX
end

--- The file's entry, durable: the one it has already, or a new one. nil, err.
-- file: { path =, inode =, size =, mtime_ns =, device = }
function memory:begin(file)
  local entry, at = self:find(file.path)
  if entry and compare(entry, file) == "same" then return entry end
  local fresh = { path = file.path, inode = file.inode, size = file.size, mtime_ns = file.mtime_ns,
    device = file.device, id = core.crypto.uuid(), since = core.task.now() }
  self.entries[at or #self.entries + 1] = fresh
  local ok, err = save(self)
  if ok then return fresh end
  if at then self.entries[at] = entry else self.entries[#self.entries] = nil end
  return nil, err
end

local function brief(text)
  if not text then return nil end
  if not utf8.len(text) then text = escape(text) end
  return text:sub(1, (utf8.offset(text, TEXT_MAX + 1) or 0) - 1)
end

--- All of the file's messages are durable, or it failed: from now on it is only moved, to
-- result.to, "done" or "failed". result: reason, text, sent, to_do (texts) and rejected. nil, err
-- when that could not be made durable; until the end of this process it is remembered all the same.
function memory:hand_over(entry, result)
  entry.to, entry.rejected = result.to, result.rejected
  for _, name in ipairs(texts) do entry[name] = brief(result[name]) end
  return save(self)
end

--- The file is where it belongs, or gone. Durable with the next entry, or by save.
function memory:forget(path)
  local _, at = self:find(path)
  if not at then return end
  table.remove(self.entries, at)
  self.dirty = true
end

--- Makes durable what was forgotten: true, or nil, err.
function memory:save()
  if not self.dirty then return true end
  return save(self)
end

return open
