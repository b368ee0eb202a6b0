-- output.lua -- what a command writes: results to standard output (as JSON with --json), everything
-- else to standard error. Every command gets one of these as `out`.
local json = require "iflow.core".json
local errors = require "iflow.error"

local output = {}
output.__index = output

--- name: the command's full name ("iflow sandbox start"); json_mode: --json was given.
function output.new(name, json_mode)
  return setmetatable({ name = name, json_mode = json_mode }, output)
end

--- A line on standard output.
function output.print(_, text)
  io.stdout:write(text, "\n")
end

--- A line on standard error, for people: what happened beside the result.
function output.note(_, text)
  io.stdout:flush()
  io.stderr:write(text, "\n")
end

function output:warn(text)
  self:note(self.name .. ": warning: " .. text)
end

-- What a peer sent may be no UTF-8, but JSON is: foreign bytes become "?".
local function readable(value)
  if type(value) == "string" then
    return utf8.len(value) and value or (value:gsub("[\x80-\xff]", "?"))
  elseif type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, item in pairs(value) do copy[key] = readable(item) end
  return json.is_array(value) and json.array(copy) or copy
end

--- A value as one line of JSON.
function output.json_text(_, value)
  local options = { sort = true }
  return json.encode(value, options) or assert(json.encode(readable(value), options))
end

--- The same on standard output.
function output:json(value) self:print(self:json_text(value)) end

--- The result of a command: `value` with --json, otherwise what `text()` prints.
function output:result(text, value)
  if self.json_mode then return self:json(value) end
  return text()
end

local function width(text) return utf8.len(text) or #text end

local function widths_of(columns, rows)
  local widths = {}
  for i, title in ipairs(columns) do widths[i] = width(title) end
  for _, row in ipairs(rows) do
    for i = 1, #columns do widths[i] = math.max(widths[i], width(row[i])) end
  end
  return widths
end

-- Numbers stand at the right, and so does their title.
local function cell(text, size, right)
  local blank = (" "):rep(size - width(text))
  return right and blank .. text or text .. blank
end

local function text_rows(columns, rows)
  local texts, right = {}, {}
  for i in ipairs(columns) do right[i] = #rows > 0 end
  for r, row in ipairs(rows) do
    texts[r] = {}
    for i = 1, #columns do
      right[i] = right[i] and math.type(row[i]) ~= nil
      texts[r][i] = row[i] == nil and "-" or tostring(row[i])
    end
  end
  return texts, right
end

local function records(columns, rows)
  local list = json.array {}
  for r, row in ipairs(rows) do
    local record = json.object {}
    for i, title in ipairs(columns) do record[title:gsub("%W+", "_")] = row[i] end
    list[r] = record
  end
  return list
end

--- A table with a title for every column; with --json a list of objects keyed by the titles.
--- A missing cell is shown as "-".
function output:table(columns, rows)
  if self.json_mode then return self:json(records(columns, rows)) end
  local texts, right = text_rows(columns, rows)
  local widths = widths_of(columns, texts)
  table.insert(texts, 1, columns)
  for _, row in ipairs(texts) do
    local cells = {}
    for i = 1, #columns do cells[i] = cell(row[i], widths[i], right[i]) end
    self:print((table.concat(cells, "  "):gsub("%s+$", "")))
  end
end

-- The parts of an error that mean something outside the process.
local function public(err)
  local part = {}
  for _, key in ipairs { "code", "message", "hint", "retryable", "outcome", "status",
    "message_id", "retry_after", "body" } do
    part[key] = err[key]
  end
  return part
end

--- Reports an iflow.error: to standard error, with --json as an object on standard output.
--- Returns the exit code that belongs to it.
function output:fail(err)
  if self.json_mode then
    self:json { error = public(err) }
  else
    self:note(("%s: %s: %s"):format(self.name, err.code, err.message))
    if err.message_id then self:note("  message id: " .. err.message_id) end
    if err.retry_after then self:note(("  try again after: %g s"):format(err.retry_after)) end
    if err.hint then self:note("  what to do: " .. err.hint) end
  end
  return self:exit_code(err)
end

--- The exit code for an error: by its code; a script may make errors with codes of its own.
function output.exit_code(_, err)
  if err.outcome == "in_doubt" then return 5 end
  local known = errors.info(err.code)
  return known and known.exit_code or err.retryable and 4 or 1
end

return output
