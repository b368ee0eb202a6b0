--- Templates of HTML, for the operator's page. What a template shows is escaped, unless it says
-- otherwise:
--
--   local list = template "<ul>{% for _, n in ipairs(names) do %}<li>{{ n }}</li>{% end %}</ul>"
--   list { names = { "<a>", "b" } }        -- "<ul><li>&lt;a&gt;</li><li>b</li></ul>"
--
--   {{ expression }}     its text, escaped; nothing for nil and false
--   {! expression !}     as it is: HTML that another template made
--   {% statement %}      Lua
--
-- A template sees its values, and of Lua ipairs and pairs. A mistake in it is raised when it is
-- made. Internal.

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

local seen = { ipairs = ipairs, pairs = pairs }

local template = {}

--- A value as HTML: text and attributes. Bytes that are no UTF-8, and control characters that HTML
-- does not take, become "?".
function template.escape(value)
  if value == nil or value == false then return "" end
  local text = tostring(value)
  if not utf8.len(text) then text = text:gsub("[\x80-\xff]", "?") end
  return (text:gsub("[&<>\"'\0-\8\11\12\14-\31\127]", function(c) return escapes[c] or "?" end))
end

local kinds = {
  ["{"] = { "}}", "_put(_escape(%s))\n" },
  ["!"] = { "!}", "_put(%s)\n" },
  ["%"] = { "%}", "%s\n" },
}

local function code_of(text)
  local parts, at = { "local _ENV, _put, _escape = ...\n" }, 1
  while true do
    local from = text:find("{[{!%%]", at)
    local plain = text:sub(at, from and from - 1)
    if plain ~= "" then parts[#parts + 1] = ("_put(%q)\n"):format(plain) end
    if not from then return table.concat(parts) end
    local kind = kinds[text:sub(from + 1, from + 1)]
    local to, stop = text:find(kind[1], from + 2, true)
    if not to then error("a template has no end of " .. text:sub(from, from + 20), 0) end
    local code = text:sub(from + 2, to - 1)
    parts[#parts + 1] = (kind[2]:gsub("%%s", function() return code end))
    at = stop + 1
  end
end

--- A function of a table of values -> text.
return setmetatable(template, { __call = function(_, text)
  local run = assert(load(code_of(text), "=template", "t"))
  return function(values)
    local out = {}
    run(setmetatable(values or {}, { __index = seen }), function(piece)
      if piece ~= nil and piece ~= false then out[#out + 1] = piece end
    end, template.escape)
    return table.concat(out)
  end
end })
