--- Takes secrets out of texts, in whatever encoding they stand there. What goes into a bundle is
-- chosen so that no secret is in it; this is for those that got into a log, an error of a server or
-- a script all the same. Internal; for lua/iflow/bundle.lua.
--
--   local scrub = new_scrub()
--   scrub:add(secret)                     -- an iflow.secret or a text: a password, a PEM key
--   local clean = scrub(value)            -- a text, or a table of texts: each of them is *** now,
--                                            and so is what looks like one
--
-- Found as it is, form-encoded, as JSON and hex write it, and within base64 and base64url of
-- anything that has it inside, such as the Authorization field of "client:secret"; also where lines
-- were broken, as base64(1) does.

local core = require "iflow.core"
local errors = require "iflow.error"

local LEAST = 4   -- bytes; what is shorter would take harmless texts with it
local PART = 16   -- bytes of a part of a secret that is one, too
local CORE = 8    -- characters of base64 that are enough to find a secret by

local scrub = {}
scrub.__index = scrub

-- Encodings -------------------------------------------------------------------------------------

local function percent(text, kept, format)
  return (text:gsub("[^%w" .. kept .. "]", function(c) return format:format(c:byte()) end))
end

local function hex(text, format)
  return (text:gsub(".", function(c) return format:format(c:byte()) end))
end

-- What stands in base64 of any text that holds this one, which begins `before` bytes behind a
-- multiple of three: the characters that no neighbour has a part in.
local function within_base64(text, before)
  local whole = core.crypto.base64(("\0"):rep(before) .. text)
  local first = before == 0 and 1 or before + 2
  return whole:sub(first, (before + #text) * 8 // 6)
end

local function add_base64(found, text)
  for before = 0, 2 do
    local inner = within_base64(text, before)
    if #inner >= CORE then
      found[#found + 1] = inner
      found[#found + 1] = inner:gsub("%+", "-"):gsub("/", "_")
    end
  end
end

local function encodings(text)
  local found = { text, hex(text, "%02x"), hex(text, "%02X") }
  for _, kept in ipairs { "", "%-%._", "%-%._~" } do -- programs differ in what they leave as it is
    found[#found + 1] = percent(text, kept, "%%%02X")
    found[#found + 1] = percent(text, kept, "%%%02x")
  end
  local quoted = core.json.encode(text)
  if quoted then found[#found + 1] = quoted:sub(2, -2) end
  add_base64(found, text)
  return found
end

-- Secrets ---------------------------------------------------------------------------------------

-- Of a PEM block each line, since they are wrapped anew in many ways; and its bytes.
local function pieces_of_pem(text)
  local pieces = {}
  for body in text:gmatch "%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY%-%-%-%-%-(.-)%-%-%-%-%-END" do
    for line in body:gmatch "[%w+/=]+" do
      if #line >= PART then pieces[#pieces + 1] = line end
    end
    pieces[#pieces + 1] = core.crypto.unbase64((body:gsub("[^%w+/=]", "")))
  end
  return pieces
end

-- SAP's secret is "uuid$random"; a shell takes one half of it.
local function pieces_of(text)
  if text:find("PRIVATE KEY", 1, true) then return pieces_of_pem(text) end
  local pieces = { text }
  for part in text:gmatch "[^$]+" do
    if #part >= PART and part ~= text then pieces[#pieces + 1] = part end
  end
  return pieces
end

--- One more secret; nil is none.
function scrub:add(secret)
  if type(secret) == "userdata" then secret = secret:reveal() end
  if type(secret) ~= "string" then return end
  for _, piece in ipairs(pieces_of(secret)) do
    if #piece >= LEAST then
      for _, text in ipairs(encodings(piece)) do self.known[text] = true end
    end
  end
  self.sorted = nil
end

-- The longest first: a secret may be a part of another one.
local function sorted(self)
  if self.sorted then return self.sorted end
  local list = {}
  for text in pairs(self.known) do list[#list + 1] = text end
  table.sort(list, function(a, b)
    if #a ~= #b then return #a > #b end
    return a < b
  end)
  self.sorted = list
  return list
end

local function without(text, secret)
  local at = text:find(secret, 1, true)
  if not at then return text end
  local parts, from = {}, 1
  while at do
    parts[#parts + 1] = text:sub(from, at - 1)
    from = at + #secret
    at = text:find(secret, from, true)
  end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts, "***")
end

-- The text without its line breaks, and where its lines stand in both: { { in that one, here } … }.
local function unwrapped(text)
  local parts, lines, length = {}, {}, 0
  for from, line in text:gmatch "()([^\r\n]+)" do
    parts[#parts + 1], lines[#lines + 1] = line, { length + 1, from }
    length = length + #line
  end
  return table.concat(parts), lines
end

-- Where a byte of the unwrapped text stands in the text.
local function place_of(lines, at)
  local low, high = 1, #lines
  while low < high do
    local middle = (low + high + 1) // 2
    if lines[middle][1] <= at then low = middle else high = middle - 1 end
  end
  return lines[low][2] + at - lines[low][1]
end

-- Secrets over several lines. One is found at a time, the first ones last, so that places hold.
local function without_wrapped(text, secrets)
  local joined, lines = unwrapped(text)
  for _, secret in ipairs(secrets) do
    local places, at = {}, #secret >= PART and joined:find(secret, 1, true)
    while at do
      places[#places + 1] = at
      at = joined:find(secret, at + #secret, true)
    end
    for i = #places, 1, -1 do
      local from, to = place_of(lines, places[i]), place_of(lines, places[i] + #secret - 1)
      text = text:sub(1, from - 1) .. "***" .. text:sub(to + 1)
    end
    if #places > 0 then joined, lines = unwrapped(text) end
  end
  return text
end

local function clean(self, text)
  for _, secret in ipairs(sorted(self)) do text = without(text, secret) end
  if text:find("[\r\n]") then text = without_wrapped(text, sorted(self)) end
  return core.log.redact(text)
end

-- A table with all its texts clean; an array stays one.
local function clean_table(self, value)
  local copy = core.json.is_array(value) and core.json.array {} or core.json.object {}
  for key, item in pairs(value) do
    copy[type(key) == "string" and clean(self, key) or key] = self(item)
  end
  return copy
end

function scrub:__call(value)
  if type(value) == "string" then return clean(self, value) end
  if type(value) ~= "table" then return value end
  if errors.is(value) then return clean(self, tostring(value)) end
  return clean_table(self, value)
end

return function() return setmetatable({ known = {} }, scrub) end
