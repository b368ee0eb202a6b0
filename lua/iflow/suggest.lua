--- "Did you mean": the nearest known word for a mistyped one. Shared by option checks, the command
-- line and strict globals, which all word it the same way.

local nearest = require("iflow.core").suggest

local suggest = {}

--- The word of `list` nearest to `word`, or nil when none is near enough to be meant.
-- Counts insertions, deletions, changes and swapped neighbours; an abbreviation is near.
suggest.nearest = nearest

--- `text`, completed by ", did you mean '…'?" when a word of `list` is near `word`.
function suggest.message(text, word, list)
  local near = type(word) == "string" and nearest(word, list)
  if near then return text .. ", did you mean '" .. near .. "'?" end
  return text
end

local sets = setmetatable({}, { __mode = "k" }) -- of lists; a call is checked at every message

local function set_of(list)
  local set = sets[list]
  if set then return set end
  set = {}
  for _, key in ipairs(list) do set[key] = true end
  sets[list] = set
  return set
end

--- Raises when the table `options` has a string key that is not in `known` (a list that does not
-- change any more), at `level` above the caller: 1 is the caller's own line, 2 (the default) the
-- line that called it.
function suggest.check_keys(options, known, level)
  local is_known = set_of(known)
  for key in pairs(options) do
    if math.type(key) ~= "integer" and not is_known[key] then
      local text = "unknown option '" .. tostring(key) .. "'"
      error(suggest.message(text, key, known), (level or 2) + 1)
    end
  end
end

return suggest
