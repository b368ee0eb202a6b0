-- random_xml.lua -- elements in the shape of iflow.xml, and documents that no writer would make:
-- with comments, instructions, CDATA sections, references to characters and namespaces. For
-- differential tests.
local xml = require("iflow.core").xml

local random = math.random

local random_xml = {}

local function one_of(list) return list[random(#list)] end

local letters = { "a", "B", "0", " ", " ", "<", ">", "&", '"', "'", "\n", "\t", "\r", "]]>", "é",
                  "ж", "€", "\u{2028}", "\u{fffd}", "😀", "\u{10ffff}" }
local names = { "a", "b", "c", "Order", "_x", "ä", "x-y.z", "E1EDK01" }

local function text(least, most)
  local list = {}
  for at = 1, random(least, most) do list[at] = one_of(letters) end
  return table.concat(list)
end

local function is_blank(s) return not s:find "[^ \t\r\n]" end

local function solid_text()
  local s
  repeat s = text(1, 6) until not is_blank(s)
  return s
end

-- Values ------------------------------------------------------------------------------------------

local function attributes(into, most)
  for _ = 1, random(0, most) do into["@" .. one_of(names)] = text(0, 5) end
  return into
end

-- Adds an element to those of its name, as the reader does.
local function add(into, name, value)
  local before = into[name]
  if before == nil then
    into[name] = value
  elseif type(before) == "table" and #before > 0 then
    before[#before + 1] = value
  else
    into[name] = { before, value }
  end
end

-- What the reader remembers of a sequence of names; nil when there is but one name.
local function order_of(sequence)
  local runs, seen, different, plain = {}, {}, 0, true
  for at, name in ipairs(sequence) do
    if name ~= sequence[at - 1] then
      if seen[name] then plain = false end
      runs[#runs + 1] = name
    end
    if not seen[name] then different = different + 1 end
    seen[name] = true
  end
  if different < 2 then return nil end
  return plain and runs or sequence
end

local function elements(depth)
  local value, sequence = attributes({}, 2), {}
  for at = 1, random(1, 5) do
    sequence[at] = one_of(names)
    add(value, sequence[at], random_xml.element(depth - 1))
  end
  local order = order_of(sequence)
  return order and xml.order(value, order) or value
end

local function mixed(depth)
  local value, list = attributes({}, 1), {}
  for _ = 1, random(1, 3) do
    if random(2) == 1 then list[#list + 1] = text(1, 3) end
    list[#list + 1] = { [one_of(names)] = random_xml.element(depth - 1) }
  end
  list[#list + 1] = solid_text()
  value["#mixed"] = list
  return value
end

--- An element just as the reader would give it.
function random_xml.element(depth)
  local kind = depth > 0 and random(6) or random(2)
  if kind == 1 then return text(0, 8) end
  if kind == 2 then
    local value = attributes({}, 3)
    if next(value) == nil then return text(0, 8) end
    local content = text(0, 8)
    if content ~= "" then value["#text"] = content end
    return value
  end
  if kind == 3 then return mixed(depth) end
  return elements(depth)
end

--- Whether two elements are the same, the order of what is in them included.
function random_xml.same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  local one, other = xml.order(a) or {}, xml.order(b) or {}
  if table.concat(one, " ") ~= table.concat(other, " ") then return false end
  for key, value in next, a do
    if not random_xml.same(value, b[key]) then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

-- Documents ---------------------------------------------------------------------------------------

local spaces = { " ", "\n", "\t", "  " }

-- The text with references to characters here and there.
local function escaped(s, quote)
  return (s:gsub(utf8.charpattern, function(char)
    if random(8) == 1 then return ("&#x%x;"):format(utf8.codepoint(char)) end
    if char == "&" then return "&amp;" end
    if char == "<" then return "&lt;" end
    if char == ">" then return one_of { "&gt;", "&#62;" } end
    if char == quote then return quote == '"' and "&quot;" or "&apos;" end
  end))
end

local dropped = { "<!-- c & < -->", "<?pi some?>", "<!---->" }

local function content()
  local list = {}
  for _ = 1, random(0, 3) do
    local kind, s = random(6), text(0, 5)
    if kind == 1 then
      list[#list + 1] = "<![CDATA[" .. s:gsub("%]%]>", "") .. "]]>"
    elseif kind == 2 then
      list[#list + 1] = one_of(dropped)
    else
      list[#list + 1] = escaped(s)
    end
  end
  return table.concat(list)
end

local uris = { "urn:one", "urn:two", "http://a.example/x" }
local equals = { "=", " = " }

-- A name of the prefixes in scope (a list of prefixes, "" for none).
local function qualified(scope)
  local prefix = one_of(scope)
  return (prefix == "" and "" or prefix .. ":") .. one_of(names)
end

local function declarations(scope)
  local list, inner = {}, { table.unpack(scope) }
  if random(4) == 1 then list[1] = ('xmlns="%s"'):format(one_of { "", table.unpack(uris) }) end
  if random(3) == 1 then
    local prefix = one_of { "p", "q" }
    list[#list + 1] = ("xmlns:%s='%s'"):format(prefix, one_of(uris))
    inner[#inner + 1] = prefix
  end
  return list, inner
end

-- Attributes without a prefix, or all with different names, so that no two become the same.
local function written_attributes(list, scope)
  local seen = {}
  for _ = 1, random(0, 2) do
    local name, quote = qualified(scope), one_of { '"', "'" }
    local plain = name:gsub("^.*:", "")
    if not seen[plain] then
      list[#list + 1] = name .. one_of(equals) .. quote .. escaped(text(0, 5), quote) .. quote
    end
    seen[plain] = true
  end
  local out = {}
  for at, one in ipairs(list) do out[at] = one_of(spaces) .. one end
  return table.concat(out)
end

--- A well-formed element, nested at most `depth` levels.
function random_xml.document(depth, scope)
  local list, inner = declarations(scope or { "" })
  local name = qualified(inner)
  local head = name .. written_attributes(list, inner) .. one_of { "", " ", "\n" }
  if random(8) == 1 then return "<" .. head .. "/>" end
  local inside = { content() }
  for _ = 1, depth > 0 and random(0, 3) or 0 do
    inside[#inside + 1] = random_xml.document(depth - 1, inner)
    inside[#inside + 1] = random(2) == 1 and content() or one_of(spaces)
  end
  return "<" .. head .. ">" .. table.concat(inside) .. "</" .. name .. one_of { "", " " } .. ">"
end

return random_xml
