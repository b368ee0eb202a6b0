-- html.lua -- pieces of HTML for the reference: escaping, Markdown as the annotations use it, and
-- Lua with its words in colours.
local annotations = require "annotations"

local html = {}

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

--- Text as it is to appear.
function html.escape(text) return (text:gsub('[&<>"]', entities)) end

--- A name as part of an address: "tenant:call" -> "tenant-call".
function html.anchor(text) return (text:gsub("[^%w_.]+", "-")) end

-- Lua ---------------------------------------------------------------------------------------------

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do keywords[word] = true end

local function span(class, text)
  return ('<span class="%s">%s</span>'):format(class, html.escape(text))
end

-- What stands at a place: a comment, a string, a word, or one other character.
local function token(code, at)
  local comment = code:match("^%-%-[^\n]*", at)
  if comment then return comment, "comment" end
  local quoted = code:match('^"[^"\n]*"', at) or code:match("^'[^'\n]*'", at)
  if quoted then return quoted, "string" end
  local word = code:match("^[%a_][%w_]*", at)
  if word then return word, keywords[word] and "keyword" end
  return code:match("^%d[%w.]*", at) or code:match("^[^%w_]", at) or code:sub(at, at)
end

--- A program of Lua in a box.
function html.lua(code)
  local parts, at = {}, 1
  while at <= #code do
    local text, class = token(code, at)
    parts[#parts + 1] = class and span(class, text) or html.escape(text)
    at = at + #text
  end
  return "<pre><code>" .. table.concat(parts) .. "</code></pre>\n"
end

-- Markdown ----------------------------------------------------------------------------------------

--- A line of text: `code`, which is a link when link(code) gives an address.
function html.inline(text, link)
  local parts, is_code = {}, false
  for part in (text .. "`"):gmatch "(.-)`" do
    local shown = html.escape(part)
    if is_code then
      shown = "<code>" .. shown .. "</code>"
      local address = link(part)
      if address then shown = ('<a href="#%s">%s</a>'):format(address, shown) end
    end
    parts[#parts + 1], is_code = shown, not is_code
  end
  return table.concat(parts)
end

local function list(items, link)
  local parts = {}
  for i, item in ipairs(items) do parts[i] = "<li>" .. html.inline(item, link) .. "</li>\n" end
  return "<ul>\n" .. table.concat(parts) .. "</ul>\n"
end

--- A text of the annotations.
function html.text(text, link)
  local parts = {}
  for i, block in ipairs(annotations.blocks(text)) do
    if block.kind == "code" then parts[i] = html.lua(block.code)
    elseif block.kind == "list" then parts[i] = list(block.items, link)
    else parts[i] = "<p>" .. html.inline(block.text, link) .. "</p>\n" end
  end
  return table.concat(parts)
end

return html
