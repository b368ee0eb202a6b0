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

--- Raises when the table `options` has a string key that is not in `known` (a list), at `level`
-- above the caller: 1 is the caller's own line, 2 (the default) the line that called it.
function suggest.check_keys(options, known, level)
  local is_known = {}
  for _, key in ipairs(known) do is_known[key] = true end
  for key in pairs(options) do
    if math.type(key) ~= "integer" and not is_known[key] then
      local text = "unknown option '" .. tostring(key) .. "'"
      error(suggest.message(text, key, known), (level or 2) + 1)
    end
  end
end

return suggest
