-- random_json.lua -- values for JSON, and texts of them that no writer would make: with white space
-- wherever it may stand and characters as escapes. For differential tests.
local json = require("iflow.core").json

local random = math.random

local random_json = {}

local function one_of(list) return list[random(#list)] end

local letters = { "a", "Z", "0", " ", "/", "\"", "\\", "\n", "\t", "\r", "\b", "\f", "\1", "\31",
                  "é", "ж", "€", "\u{2028}", "\u{fffd}", "😀", "\u{10ffff}" }

--- A text of at most n characters, most of them awkward.
function random_json.text(n)
  local list = {}
  for at = 1, random(0, n) do list[at] = one_of(letters) end
  return table.concat(list)
end

-- Whole numbers up to 2^53, which every program keeps.
local function integer()
  local size = random(0, 52)
  return random(-(1 << size), 1 << size)
end

local function float()
  local kind = random(3)
  if kind == 1 then return random(-10 ^ 9 | 0, 10 ^ 9 | 0) / 100 end
  if kind == 2 then return random() * 10.0 ^ random(-20, 20) end
  local bits = random(0)
  local value = string.unpack("d", string.pack("j", bits))
  return value == value and math.abs(value) < math.huge and value or 0.5
end

local scalars = {
  function() return json.null end,
  function() return random(2) == 1 end,
  integer, integer,
  function() return random(-5, 5) end,
  function() return random_json.text(12) end, function() return random_json.text(12) end,
}

local function container(depth, floats)
  local value = {}
  if random(2) == 1 then
    for at = 1, random(0, 4) do value[at] = random_json.value(depth - 1, floats) end
    return json.array(value)
  end
  for _ = 1, random(0, 4) do
    value[random_json.text(5)] = random_json.value(depth - 1, floats)
  end
  return json.object(value)
end

--- A value, nested at most `depth` levels; floats: whether there may be some.
function random_json.value(depth, floats)
  if depth > 0 and random(2) == 1 then return container(depth, floats) end
  if floats and random(4) == 1 then return float() end
  return one_of(scalars)()
end

-- Text --------------------------------------------------------------------------------------------

local function space() return one_of { "", "", "", " ", "\t", "\r", "  " } end

-- \uXXXX, as a pair of surrogates where it must be.
local function escape(char)
  local cp = utf8.codepoint(char)
  if cp < 0x10000 then return ("\\u%04x"):format(cp) end
  cp = cp - 0x10000
  return ("\\u%04X\\u%04X"):format(0xd800 + (cp >> 10), 0xdc00 + (cp & 0x3ff))
end

local function quoted(text)
  local out = text:gsub(utf8.charpattern, function(char)
    if random(4) == 1 or char:find "[%c]" then return escape(char) end
    if char == "/" then return one_of { "/", "\\/" } end
    if char:find '["\\]' then return "\\" .. char end
  end)
  return '"' .. out .. '"'
end

--- The value as one line of JSON, in a way of its own.
function random_json.write(value)
  if type(value) == "string" then return quoted(value) end
  if type(value) ~= "table" then
    local text = json.encode(value)
    return type(value) == "number" and random(2) == 1 and text:gsub("e", "E") or text
  end
  local is_array, list = json.is_array(value), {}
  if is_array then
    for at, item in ipairs(value) do list[at] = space() .. random_json.write(item) .. space() end
  else
    for name, item in pairs(value) do
      list[#list + 1] = space() .. quoted(name) .. space() .. ":" .. space()
        .. random_json.write(item) .. space()
    end
  end
  local inside = #list > 0 and table.concat(list, ",") or space()
  return is_array and "[" .. inside .. "]" or "{" .. inside .. "}"
end

local function same_number(a, b, exact)
  if exact or math.type(a) == math.type(b) then return math.type(a) == math.type(b) and a == b end
  return a + 0.0 == b + 0.0 -- jq writes 1e18 as a whole number
end

--- Whether two values are the same, whole numbers and floats told apart when `exact`.
function random_json.same(a, b, exact)
  if type(a) == "number" and type(b) == "number" then return same_number(a, b, exact) end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  if json.is_array(a) ~= json.is_array(b) then return false end
  for key, value in next, a do
    if not random_json.same(value, b[key], exact) then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

return random_json
