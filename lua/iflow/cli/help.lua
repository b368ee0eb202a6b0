-- help.lua -- the text of --help, laid out from a command's table (rows.lua).
local rows = require "iflow.cli.rows"

local page, column = 96, 30 -- characters of a line; where explanations begin

-- Splits text into lines of at most size characters; line breaks of its own stay.
local function wrapped(text, size)
  local lines = {}
  for paragraph in (text .. "\n"):gmatch "(.-)\n" do
    local line = ""
    for word in paragraph:gmatch "%S+" do
      if line ~= "" and utf8.len(line) + 1 + utf8.len(word) > size then
        lines[#lines + 1], line = line, word
      else
        line = line == "" and word or line .. " " .. word
      end
    end
    lines[#lines + 1] = line
  end
  return lines
end

local function add_entry(out, label, text)
  local lines = wrapped(text, page - column)
  local blank = column - utf8.len(label) - 2
  if blank < 2 then
    out[#out + 1], blank = "  " .. label, column
    label = ""
  else
    label = "  " .. label
  end
  out[#out + 1] = label .. (" "):rep(blank) .. lines[1]
  for i = 2, #lines do out[#out + 1] = (" "):rep(column) .. lines[i] end
end

local function usage(name, command)
  local words = { "Usage:", name }
  if command.commands then
    words[#words + 1] = "COMMAND"
  end
  words[#words + 1] = "[OPTION…]"
  for _, row in ipairs(command.options or {}) do
    if row.required then words[#words + 1] = rows.long_name(row) .. " " .. row.value end
  end
  for _, row in ipairs(command.arguments or {}) do
    local shape = ({ ["?"] = "[%s]", ["*"] = "[%s…]", ["+"] = "%s…" })[row.args] or "%s"
    words[#words + 1] = shape:format(row[1]:upper())
  end
  if command.rest then words[#words + 1] = ("[-- %s…]"):format(command.rest[1]:upper()) end
  return table.concat(words, " ")
end

-- "-o, --output FILE"; without a short name the long one stands in its column.
local function option_label(row)
  local label = table.concat(rows.names(row), ", ")
  if label:sub(1, 2) == "--" then label = "    " .. label end
  return row.flag and label or label .. " " .. (row.value or "VALUE")
end

local function option_text(row)
  local text = rows.explanation(row)
  local variable = rows.variable(row)
  if not variable then return text end
  if rows.is_list(row) then
    variable = variable .. (rows.is_number(row) and ", separated by commas" or ", one a line")
  end
  return ("%s [%s]"):format(text, variable)
end

local function add_section(out, title, list, label, text)
  if #list == 0 then return end
  out[#out + 1] = ""
  out[#out + 1] = title .. ":"
  for _, item in ipairs(list) do add_entry(out, label(item), text(item)) end
end

local function add_options(out, command)
  for _, group in ipairs(rows.groups(command)) do
    add_section(out, group.title, group, option_label, option_text)
  end
end

--- The help of a command; name is what the user typed for it ("iflow sandbox start").
return function(name, command)
  local out = { usage(name, command), "" }
  local about = wrapped(command.description or command.summary, page)
  table.move(about, 1, #about, #out + 1, out)
  local arguments = table.move(command.arguments or {}, 1, #(command.arguments or {}), 1, {})
  arguments[#arguments + 1] = command.rest
  add_section(out, "Arguments", arguments, function(row) return row[1]:upper() end,
    function(row) return row.help or "" end)
  add_section(out, "Commands", command.commands or {}, function(sub) return sub.name end,
    function(sub) return sub.summary end)
  if not command.commands or command.options then add_options(out, command) end
  if command.epilog then
    out[#out + 1] = ""
    local epilog = wrapped(command.epilog, page)
    table.move(epilog, 1, #epilog, #out + 1, out)
  end
  return table.concat(out, "\n")
end
