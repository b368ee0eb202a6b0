--- Patterns of file names: "inbox/*.csv". Internal; for iflow.files.
--
--   *        any characters, none too       ?     one character (of UTF-8, where it is that)
--   [a-z]    one of these                   [!a]  none of these
--   \        the next character stands for itself
--
-- Wildcards may stand in the last part only. What begins with a dot is hidden, and never matches.

local glob = {}

local DOT = (".."):byte()
local CHARACTER = "[\0-\x7F\xC2-\xF4][\x80-\xBF]*"

-- The characters of a text, or its bytes when it is not UTF-8.
local function characters(text)
  local list = {}
  for c in text:gmatch(utf8.len(text) and CHARACTER or ".") do list[#list + 1] = c end
  return list
end

-- The set that begins behind "[" at `at`: a function of a character, and where it ends.
local function read_set(list, at)
  local ranges, negated = {}, list[at] == "!" or list[at] == "^"
  if negated then at = at + 1 end
  local first = at
  while list[at] and (list[at] ~= "]" or at == first) do
    if list[at] == "\\" and list[at + 1] then at = at + 1 end
    local from, to = list[at], list[at]
    if list[at + 1] == "-" and list[at + 2] and list[at + 2] ~= "]" then
      to, at = list[at + 2], at + 2
    end
    ranges[#ranges + 1] = { from, to }
    at = at + 1
  end
  if not list[at] then return nil end
  return function(c)
    for _, range in ipairs(ranges) do
      if c >= range[1] and c <= range[2] then return not negated end
    end
    return negated
  end, at
end

-- A list of "*", and functions that tell whether a character will do.
local function read(pattern)
  local list, tokens, at = characters(pattern), {}, 1
  while list[at] do
    local c = list[at]
    local token
    if c == "*" then
      token = "*"
    elseif c == "?" then
      token = function() return true end
    elseif c == "[" then
      token, at = read_set(list, at + 1)
      if not token then return nil, "a '[' is not closed" end
    else
      if c == "\\" then at, c = at + 1, list[at + 1] end
      if not c then return nil, "nothing stands after the last '\\'" end
      token = function(other) return other == c end
    end
    tokens[#tokens + 1] = token
    at = at + 1
  end
  return tokens
end

-- Goes back to the last star only, so the time is at most the product of both lengths.
local function matches(tokens, text)
  local list, at, i, star, from = characters(text), 1, 1, nil, nil
  while at <= #list do
    local token = tokens[i]
    if token == "*" then
      star, from, i = i, at, i + 1
    elseif token and token(list[at]) then
      at, i = at + 1, i + 1
    elseif star then
      from = from + 1
      at, i = from, star + 1
    else
      return false
    end
  end
  while tokens[i] == "*" do i = i + 1 end
  return i > #tokens
end

local PLAIN = "[^*?%[\\]*"

-- Of "*.csv" and the like, which nearly all patterns are: both ends are compared.
local function plain(pattern)
  local head, tail = pattern:match("^(" .. PLAIN .. ")%*(" .. PLAIN .. ")$")
  if not head then return nil end
  return function(name)
    return name:byte() ~= DOT and #name >= #head + #tail and name:sub(1, #head) == head
      and name:sub(#name - #tail + 1) == tail
  end
end

--- A function that tells whether a name matches; nil and what is wrong with the pattern.
function glob.compile(pattern)
  local quick = plain(pattern)
  if quick then return quick end
  local tokens, why = read(pattern)
  if not tokens then return nil, why end
  return function(name)
    return name:byte() ~= DOT and matches(tokens, name)
  end
end

--- The folder and the pattern of the names in it: "inbox/*.csv" -> "inbox", "*.csv"; nil and what
-- is wrong.
function glob.split(path)
  local folder, pattern = path:match "^(.*)/([^/]*)$"
  if not folder then folder, pattern = ".", path end
  if pattern == "" then return nil, "it names a folder; add which files: " .. path .. "*" end
  if folder:find "[*?%[]" then
    return nil, "only the last part may have wildcards; write a pattern for each folder"
  end
  if path:sub(1, 1) == "/" and folder == "" then folder = "/" end
  return folder, pattern
end

return glob
