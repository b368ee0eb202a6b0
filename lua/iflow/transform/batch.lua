--- iflow.transform.batch { … }: many messages into one.
--
--   batch { count = 100 }                          data: a list of up to 100
--   batch { count = 1000, bytes = 2^20, separator = "\n" }        bodies: joined, up to 1 MiB
--
--   count      messages in one, at most
--   bytes      of the bodies together, with separators; data counts as its JSON. A larger message
--              goes alone. One of count and bytes is needed
--   separator  between bodies, "" by default
--   field      the name under which the list of data stands, { field = list }; else data is the
--              list
--
-- The new message has the headers, content type and source of the first one in it; a message with
-- data and one with a body are never in one. What is left goes out at the end of the input.

local core = require "iflow.core"
local errors = require "iflow.error"
local options = require "iflow.options"

local MAX = 2 ^ 30 | 0

local known = {
  count = options.integer(1, 1000000),
  bytes = { "number", text = "a whole number of bytes", fine = function(value)
    return math.tointeger(value) and value >= 1 and value <= MAX
  end },
  separator = { "string", default = "" },
  field = { "string" },
}

local batch = { name = "batch" }
batch.__index = batch

-- What is held: a list of data or of bodies.
local collector = {}
collector.__index = collector

function batch:begin()
  return setmetatable({ options = self.options, list = {}, size = 0 }, collector)
end

function collector:flush(emit)
  local first, list = self.first, self.list
  if not first then return end
  self.first, self.list, self.size = nil, {}, 0
  if self.of_bodies then
    return emit(first:with { body = table.concat(list, self.options.separator), id = false })
  end
  local data = core.json.array(list)
  if self.options.field then data = { [self.options.field] = data } end
  return emit(first:with { data = data, id = false })
end

-- The item of a message and its bytes (0 when nobody counts them), or nil, err.
local function measure(self, message)
  local limit = self.options.bytes
  if message.data == nil then
    local text, err = message:text(MAX)
    if not text then return nil, err end
    return text, #text
  end
  if not limit then return message.data, 0 end
  local text, err = core.json.encode(message.data)
  if not text then
    return nil, errors { code = "transform.invalid", message = "batch: " .. err.message,
      cause = err }
  end
  return message.data, #text
end

function collector:run(message, emit)
  local o, of_bodies = self.options, message.data == nil
  local item, size = measure(self, message)
  if item == nil then return nil, size end
  local between = of_bodies and #o.separator or 1
  if self.first then
    local over = o.bytes and self.size + between + size > o.bytes
    if over or self.of_bodies ~= of_bodies then self:flush(emit) end
  end
  if self.first then
    self.size = self.size + between + size
  else
    self.first, self.of_bodies, self.size = message, of_bodies, size
  end
  self.list[#self.list + 1] = item
  if o.count and #self.list >= o.count or o.bytes and self.size >= o.bytes then
    return self:flush(emit)
  end
end

function collector:finish(emit) self:flush(emit) end

return function(given)
  local o = options.check(given, known)
  if not o.count and not o.bytes then error("option 'count' or 'bytes' is missing", 2) end
  return setmetatable({ options = o }, batch)
end
