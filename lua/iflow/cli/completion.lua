-- completion.lua -- what a shell may offer for the word that is being typed, by the option table of
-- the command (rows.lua). The shells ask through iflow completion words (cmd/completion.lua).
local catalogue = require "iflow.cli.catalogue"
local rows = require "iflow.cli.rows"
local script_names = require "iflow.cli.script_names"

local completion = {}

-- Words ------------------------------------------------------------------------------------------

-- A word as it stands on the line, without what the shell takes away. Variables stay as they are.
local function unquote(word)
  local home = os.getenv "HOME"
  local parts, at = {}, 1
  if home and word:find "^~/" then
    parts[1], at = home, 2
  end
  local quote
  while at <= #word do
    local c = word:sub(at, at)
    if c == quote then
      quote = nil
    elseif not quote and (c == "'" or c == '"') then
      quote = c
    elseif c == "\\" and quote ~= "'" then
      at = at + 1
      parts[#parts + 1] = word:sub(at, at)
    else
      parts[#parts + 1] = c
    end
    at = at + 1
  end
  return table.concat(parts)
end

local function begins(word, with) return word:sub(1, #with) == with end

-- What is known of the line ----------------------------------------------------------------------

local line = {}
line.__index = line

function line:note(row, value)
  self.seen[row] = true
  self.values[rows.key(row)] = self.values[rows.key(row)] or value
end

function line:option(name)
  for _, row in ipairs(self.options) do
    for _, known in ipairs(rows.names(row)) do
      if known == name then return row end
    end
  end
end

-- The row whose value the next word is, after an option; flags may be written together, and a value
-- may follow a letter at once.
function line:take_option(word)
  local name, value = word:match "^(%-%-[^=]+)=(.*)$"
  if name or begins(word, "--") then
    local row = self:option(name or word)
    if not row then return nil end
    self:note(row, value)
    return not (value or row.flag) and row or nil
  end
  for i = 2, #word do
    local row = self:option("-" .. word:sub(i, i))
    if not row then return nil end
    if not row.flag and i < #word then return self:note(row, word:sub(i + 1)) end
    self:note(row)
    if not row.flag then return row end
  end
end

-- The argument that a word at this place is.
function line:argument()
  local number = self.arguments
  for _, row in ipairs(self.command.arguments or {}) do
    local most = math.type(row.args) and row.args
      or (row.args == "*" or row.args == "+") and math.huge or 1
    if number < most then return row end
    number = number - most
  end
end

-- Reads words[from] up to the one before the last: self.awaited is the row whose value comes next.
function line:read(words, from)
  for i = from, #words - 1 do
    local word = unquote(words[i])
    if self.awaited then
      self:note(self.awaited, word)
      self.awaited = nil
    elseif self.after_dashes then
      return
    elseif word == "--" then
      self.after_dashes = true
    elseif word:find "^%-." then
      self.awaited = self:take_option(word)
    else
      local row = self:argument()
      if row then self:note(row, word) end
      self.arguments = self.arguments + 1
    end
  end
end

-- What is offered --------------------------------------------------------------------------------

local function new_offer() return { words = {} } end

local function add(offer, current, word, help)
  if begins(word, current) then
    offer.words[#offer.words + 1] = { word = word, help = help or "" }
  end
end

-- The value of a row; lead: what stands before it in the same word, "--auth=".
function line:offer_value(row, current, lead)
  local offer = new_offer()
  local wanted = row and rows.completion(row)
  if wanted == "file" or wanted == "directory" then
    offer.place = wanted
    return offer
  elseif wanted == "sender" or wanted == "job" then
    local path = self.values.script
    wanted = path and script_names.read(path)[wanted]
  end
  for _, word in ipairs(wanted or {}) do add(offer, lead .. current, lead .. word) end
  return offer
end

local function summary(row)
  return rows.explanation(row):gsub("%s+", " ")
end

function line:offer_options(current)
  local offer = new_offer()
  for _, row in ipairs(self.options) do
    if not self.seen[row] or row.multiple then
      add(offer, current, rows.long_name(row), (summary(row)))
    end
  end
  return offer
end

function line:offer(current)
  if self.awaited then return self:offer_value(self.awaited, current, "") end
  if self.after_dashes then return { words = {}, place = self.command.rest and "file" } end
  local name, value = current:match "^(%-%-[^=]+)=(.*)$"
  if name then
    local row = self:option(name)
    return self:offer_value(row and not row.flag and row or nil, value, name .. "=")
  end
  local row = self:argument()
  if current == "" and row then return self:offer_value(row, current, "") end
  if current == "" or begins(current, "-") then return self:offer_options(current) end
  return self:offer_value(row, current, "")
end

local function offer_commands(commands, current, more)
  local offer = new_offer()
  for _, command in ipairs(commands) do add(offer, current, command.name, command.summary) end
  for _, option in ipairs(more) do add(offer, current, option[1], option[2]) end
  return offer
end

-- Commands ---------------------------------------------------------------------------------------

local help_option = { "--help", "show this help" }
local first_words = {
  { "help", "tell about a command" }, { "--version", "show the version" },
  { "--json", "machine-readable output on standard output" }, help_option,
}

-- The command below `command` that the word names.
local function sub_command(command, word)
  for _, sub in ipairs(command.commands) do
    if sub.name == word then return sub end
  end
end

-- The command that the words name, and the number of the first word that is not of its name. nil
-- when the word being typed belongs to the name: then what may stand there.
local function find_command(words)
  local at = 1
  while at < #words and (words[at] == "--json" or words[at] == "help") do at = at + 1 end
  if at >= #words then
    return nil, offer_commands(catalogue.overview().commands, words[#words],
      words[at - 1] == "help" and {} or first_words)
  end
  local command = catalogue.command(words[at])
  while command and command.commands do
    at = at + 1
    if at >= #words then
      return nil, offer_commands(command.commands, words[#words], { help_option })
    end
    local sub = sub_command(command, words[at])
    if not sub and command.default then
      sub, at = sub_command(command, command.default), at - 1
    end
    command = sub
  end
  return command, at + 1
end

--- What may stand in place of the last of the words: { words = { { word =, help = }, … }, place = }
--- with place "file" or "directory" when paths may stand there, too. words: those behind the
--- program's name, as they stand on the line with their quotes, up to the cursor; the last one may
--- be empty.
function completion.offer(words)
  if #words == 0 then words = { "" } end
  local command, at = find_command(words)
  if not command then return type(at) == "table" and at or new_offer() end
  local self = setmetatable({ command = command, options = rows.options(command), arguments = 0,
    seen = {}, values = {} }, line)
  self:read(words, at)
  return self:offer(unquote(words[#words]))
end

return completion
