-- catalogue.lua -- all commands of the program, as --help, the manual pages and the completion of
-- shells know them. Names are those of files in lua/iflow/cmd/; a command's table is in rows.lua.
local catalogue = {}

-- Of the program: its commands by name, and its version. Set by cli.lua.
local host = { commands = function() return {} end, version = "" }

function catalogue.set_host(of_program) host = of_program end

function catalogue.version() return host.version end

--- The names of the commands, sorted.
function catalogue.names()
  local names = {}
  for name in pairs(host.commands()) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The table of a command by its name; nil when there is none.
function catalogue.command(name)
  return host.commands()[name] and require("iflow.cmd." .. name) or nil
end

--- What each exit code means: { code, text }.
catalogue.exit_codes = {
  { 0, "delivered or fine" }, { 1, "rejected" }, { 2, "usage or configuration" },
  { 3, "credentials refused" }, { 4, "temporary failure, worth repeating" }, { 5, "in doubt" },
}

local function epilog()
  local codes = {}
  for i, code in ipairs(catalogue.exit_codes) do codes[i] = ("%d %s"):format(code[1], code[2]) end
  return "iflow COMMAND --help tells about one command. The variable in brackets gives the same as "
    .. "its option.\nExit codes: " .. table.concat(codes, ", ") .. "."
end

--- The program itself as a table of a command.
function catalogue.overview()
  local commands = {}
  for i, name in ipairs(catalogue.names()) do commands[i] = catalogue.command(name) end
  return {
    summary = "send messages to integration flows of SAP Integration Suite",
    description = "Sends messages to integration flows of SAP Integration Suite, with a token for "
      .. "every kind of service key.",
    epilog = epilog(),
    commands = commands,
  }
end

local function add(list, name, command, parent)
  local entry = { name = name, command = command, parent = parent }
  list[#list + 1] = entry
  for _, sub in ipairs(command.commands or {}) do
    add(list, name .. " " .. sub.name, sub, entry)
  end
  return list
end

--- Every command with those below it: { name = "iflow cert show", command = its table, parent = the
--- entry above it or nil }, the program first.
function catalogue.all() return add({}, "iflow", catalogue.overview()) end

return catalogue
