-- script_names.lua -- which senders and jobs a script defines, as far as its text shows, for the
-- completion of shells: iflow.sender "orders", iflow.cron("nightly", { }). Nothing of the script
-- runs: who presses TAB has not asked for that. Names that a script puts together are not found.
local core = require "iflow.core"

local MAX = 1024 * 1024 -- bytes of a script that is looked into

local kinds = { sender = "sender", cron = "job", every = "job" }

-- Where the text of a comment or string in long brackets that begins at `at` ends, and the text.
local function long_bracket(text, at)
  local level = text:match("^%[(=*)%[", at)
  if not level then return nil end
  local first, last = text:find("]" .. level .. "]", at, true)
  local from = at + #level + 2
  return last or #text, text:sub(from, (first or #text + 1) - 1)
end

-- The end of a string in quotes, and its text; nil for the text when it has escapes.
local function quoted(text, at)
  local quote, i = text:sub(at, at), at + 1
  local plain = true
  while i <= #text do
    local c = text:sub(i, i)
    if c == quote or c == "\n" then break end
    if c == "\\" then
      plain, i = false, i + 1
    end
    i = i + 1
  end
  return i, plain and text:sub(at + 1, i - 1) or nil
end

-- The kind of what begins at `at` ("name", "string", "symbol" or nil), its end and its text.
local function token(text, at)
  if text:find("^%-%-", at) then
    return nil, long_bracket(text, at + 2) or (text:find("\n", at, true) or #text)
  elseif text:find("^[\"']", at) then
    return "string", quoted(text, at)
  elseif text:find("^%[=*%[", at) then
    return "string", long_bracket(text, at)
  end
  local _, last, name = text:find("^([%a_][%w_]*)", at)
  if name then return "name", last, name end
  _, last = text:find("^%s+", at)
  if last then return nil, last end
  return "symbol", at, text:sub(at, at)
end

--- The names in a script's text: { sender = { … }, job = { … } }, in their order, each one once.
local function scan(text)
  local found, seen = { sender = {}, job = {} }, { sender = {}, job = {} }
  local at, kind = 1, nil
  while at <= #text do
    local what, last, value = token(text, at)
    local whole = what == "string" and not text:find("^%s*%.%.", last + 1)
    if whole and kind and value and not seen[kind][value] then
      seen[kind][value] = true
      table.insert(found[kind], value)
    end
    if what == "name" then kind = kinds[value]
    elseif what and value ~= "(" then kind = nil end
    at = last + 1
  end
  return found
end

--- The names that the file defines: as of scan; none when it cannot be read or is no plain file.
local function read(path)
  local stat = core.file.stat(path, { follow = true })
  if not stat or stat.kind ~= "file" or stat.size > MAX then return scan "" end
  return scan(core.file.read(path, MAX) or "")
end

return { scan = scan, read = read }
