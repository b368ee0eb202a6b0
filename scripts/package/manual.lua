-- manual.lua -- the manual page of a command, from the table that --help and the parser read
-- (lua/iflow/cli/rows.lua).
local catalogue = require "iflow.cli.catalogue"
local roff = require "roff"
local rows = require "iflow.cli.rows"

-- "iflow cert show" -> "iflow-cert-show"
local function page_name(name) return (name:gsub(" ", "-")) end

local shapes = { ["?"] = "[%s]", ["*"] = "[%s …]", ["+"] = "%s …" }

local function synopsis(page, name, command)
  local words = { roff.bold(name) }
  if command.commands then words[2] = roff.italic "COMMAND" end
  words[#words + 1] = "[" .. roff.italic "OPTION" .. " …]"
  for _, row in ipairs(command.options or {}) do
    if row.required then
      words[#words + 1] = roff.bold(rows.long_name(row)) .. " " .. roff.italic(row.value)
    end
  end
  for _, row in ipairs(command.arguments or {}) do
    words[#words + 1] = (shapes[row.args] or "%s"):format(roff.italic(row[1]:upper()))
  end
  if command.rest then
    words[#words + 1] = ("[%s %s …]"):format(roff.bold "--", roff.italic(command.rest[1]:upper()))
  end
  page:heading "Synopsis":raw(table.concat(words, " "))
end

-- A sentence: summaries and help begin small and have no full stop.
local function sentence(text)
  text = text:gsub("^%l", string.upper)
  return text:find "[.!?]$" and text or text .. "."
end

local function option_label(row)
  local names = rows.names(row)
  for i, name in ipairs(names) do names[i] = roff.bold(name) end
  local label = table.concat(names, ", ")
  return row.flag and label or label .. " " .. roff.italic(row.value or "VALUE")
end

local function option_text(row)
  local text, variable = sentence(rows.explanation(row)), rows.variable(row)
  if not variable then return text end
  local values = ""
  if rows.is_list(row) then
    values = rows.is_number(row) and ", separated by commas" or ", one a line"
  end
  return ("%s\nEnvironment: %s%s."):format(text, variable, values)
end

local function arguments(page, command)
  local list = table.move(command.arguments or {}, 1, #(command.arguments or {}), 1, {})
  list[#list + 1] = command.rest
  if #list == 0 then return end
  page:heading "Arguments"
  for _, row in ipairs(list) do
    page:entry(roff.italic(row[1]:upper()), sentence(rows.explanation(row)))
  end
end

local function options(page, command)
  local groups = rows.groups(command)
  page:heading "Options"
  for _, group in ipairs(groups) do
    if group.title ~= "Options" and #groups > 1 then page:subheading(group.title) end
    for _, row in ipairs(group) do page:entry(option_label(row), option_text(row)) end
  end
end

local function subcommands(page, name, command)
  if not command.commands then return end
  page:heading "Commands"
  for _, sub in ipairs(command.commands) do
    page:entry(roff.bold(page_name(name .. " " .. sub.name)) .. "(1)", sentence(sub.summary))
  end
end

local function exit_status(page)
  page:heading "Exit status"
  page:text "What the description does not say otherwise:"
  for _, code in ipairs(catalogue.exit_codes) do
    page:entry(roff.bold(tostring(code[1])), sentence(code[2]))
  end
end

local function see_also(page, entry)
  local names = {}
  if entry.parent then
    names[1] = entry.parent.name
    for _, sibling in ipairs(entry.parent.parent and entry.parent.command.commands or {}) do
      names[#names + 1] = entry.parent.name .. " " .. sibling.name
    end
  end
  local list = {}
  for _, name in ipairs(names) do
    if name ~= entry.name then list[#list + 1] = roff.bold(page_name(name)) .. "(1)" end
  end
  list[#list + 1] = roff.bold "iflow" .. "(3lua)"
  page:heading "See also":raw(table.concat(list, ",\n"))
end

--- The page of an entry of catalogue.all() with the name of its file: "iflow-run.1", text.
return function(entry, date)
  local name, command = entry.name, entry.command
  local page = roff.new(page_name(name), "1", date, "iflow " .. catalogue.version())
  page:heading "Name":raw(("%s \\- %s"):format(roff.escape(page_name(name)),
    roff.escape(command.summary)))
  synopsis(page, name, command)
  page:heading "Description":text(command.description or sentence(command.summary))
  arguments(page, command)
  subcommands(page, name, command)
  if not command.commands or command.options then options(page, command) end
  exit_status(page)
  see_also(page, entry)
  return page_name(name) .. ".1", tostring(page)
end
