--- The annotations of lua/iflow/meta/ as tables: for the HTML reference (reference.lua), for the
-- man page iflow(3lua), and for spec/meta/annotations_spec.lua, which compares them with the
-- module.
-- Plain Lua 5.4; nothing of iflow is loaded.
--
--   local annotations = dofile "scripts/package/annotations.lua"
--   local docs = annotations.read "lua/iflow/meta"    -- raises what is wrong, with file and line
--
-- docs.topics    list in the order of reading: { name, title, text, classes, functions, aliases }
-- docs.classes   by name: { name, parents, text, fields, calls, functions, variable, line, topic }
-- docs.aliases   by name: { name, type, text, line, topic }
--   fields       list of { name, type, optional, text, default, line }, as they stand there
--   calls        what happens when the value is called (@overload): { params, returns }
-- A function     { name, class, method, title = "tenant:call", params, returns, text, line, topic }
--   params       list of { name, type, optional, text, default }; a varargs' name is "..."
--   returns      list of { type, optional, name, text }
-- A topic's functions are those that stand in its file, in their order; a class has its own, from
-- all files. text is Markdown: paragraphs, lists ("- "), `code` and fenced blocks.
--
-- default: the text between the backticks of "Default: `8`." in a description, a value of Lua.
--
--   annotations.all_fields(docs, class)   its fields with those of its parents, by name
--   annotations.blocks(text)     { kind = "paragraph" | "list" | "code", text or items or code }
--   annotations.signature(fn)    "tenant:call(options)", "task:join([timeout])"

local annotations = {}

--- The files, in the order of reading.
annotations.topics = {
  "iflow", "task", "tenant", "service_key", "sender", "retry", "message", "transform", "schedule",
  "files", "relay", "stdin", "service", "outbox", "test", "sandbox", "message_log", "tenant_api",
  "odata", "cf", "cert", "json", "xml", "secret", "log", "trace", "error",
}

-- Types -------------------------------------------------------------------------------------------

local closing = { ["("] = ")", ["["] = "]", ["{"] = "}", ["<"] = ">" }

-- Where the type that begins at `at` ends: at a blank outside of brackets that no ":", "," or "|"
-- precedes.
local function end_of_type(text, at)
  local open, quote = {}, nil
  for i = at, #text do
    local c = text:sub(i, i)
    if quote then
      if c == quote then quote = nil end
    elseif c == '"' or c == "'" then
      quote = c
    elseif closing[c] then
      open[#open + 1] = closing[c]
    elseif c == open[#open] then
      open[#open] = nil
    elseif c:find "%s" and #open == 0 and not text:sub(at, i - 1):find "[:,|]%s*$" then
      return i - 1
    end
  end
  return #text
end

-- "TYPE rest" -> type, whether it may be nil, rest
local function take_type(text, fail)
  local first = text:find "%S"
  if not first then fail "a type is missing" end
  local last = end_of_type(text, first)
  local kind = text:sub(first, last)
  local optional = kind:find "%?$" ~= nil and not kind:find "fun%b():.*[^)]%?$"
  if optional then kind = kind:sub(1, -2) end
  return kind, optional or ("|" .. kind .. "|"):find("|nil|", 1, true) ~= nil,
    text:sub(last + 1):match "^%s*#?%s*(.-)%s*$"
end

local function default_of(text) return text:match "Default:%s+`([^`]+)`" end

-- Tags --------------------------------------------------------------------------------------------

local tags = {}

-- fun(a: string, b?: integer): string?, iflow.error?
local function parse_fun(text, fail)
  local inside, rest = text:match "^fun(%b())(.*)$"
  if not inside then fail "@overload takes fun(…)" end
  local call = { params = {}, returns = {} }
  for part in (inside:sub(2, -2) .. ","):gmatch "%s*(.-)%s*," do
    local name, mark, kind = part:match "^([%w_.]+)(%??):%s*(.+)$"
    if name then
      local plain, may_be_nil = take_type(kind, fail)
      call.params[#call.params + 1] = { name = name, type = plain, text = "",
        optional = mark == "?" or may_be_nil }
    end
  end
  rest = rest:match "^:%s*(.*)$" or ""
  while rest ~= "" do
    local last = end_of_type(rest, 1)
    local kind, optional = take_type(rest:sub(1, (rest:find(",", 1, true) or last + 1) - 1), fail)
    call.returns[#call.returns + 1] = { type = kind, optional = optional, text = "" }
    rest = rest:match "^[^,]*,%s*(.*)$" or ""
  end
  return call
end

function tags.class(block, text, fail)
  local name, parents = text:match "^([%w_.]+)%s*:?%s*(.*)$"
  if not name or block.class then fail "@class takes a name, once" end
  block.class = { name = name, parents = {}, fields = {}, calls = {}, functions = {},
    text = block:take_text() }
  for parent in parents:gmatch "[%w_.]+" do table.insert(block.class.parents, parent) end
end

function tags.field(block, text, fail)
  local name, mark, rest = text:match "^([%w_]+)(%??)%s+(.+)$"
  if not name then name, mark, rest = text:match "^(%b[])(%??)%s+(.+)$" end
  if not name or not block.class then fail "@field takes a name and a type, after @class" end
  local kind, optional, more = take_type(rest, fail)
  local said = block:take_text()
  said = said ~= "" and more ~= "" and said .. "\n" .. more or said .. more
  table.insert(block.class.fields, { name = name, type = kind, text = said,
    optional = mark == "?" or optional, default = default_of(said) })
end

function tags.overload(block, text, fail)
  if not block.class then fail "@overload stands after @class" end
  table.insert(block.class.calls, parse_fun(text, fail))
end

function tags.alias(block, text, fail)
  local name, rest = text:match "^([%w_.]+)%s+(.+)$"
  if not name then fail "@alias takes a name and a type" end
  block.alias = { name = name, type = (take_type(rest, fail)), text = block:take_text() }
end

function tags.param(block, text, fail)
  local name, mark, rest = text:match "^([%w_.]+)(%??)%s+(.+)$"
  if not name then fail "@param takes a name and a type" end
  local kind, optional, more = take_type(rest, fail)
  table.insert(block.params, { name = name, type = kind, text = more,
    optional = mark == "?" or optional, default = default_of(more) })
end

tags["return"] = function(block, text, fail)
  local kind, optional, rest = take_type(text, fail)
  local name, more = rest:match "^([%a_][%w_]*)%s*(.*)$"
  if rest:find "^%.%.%." then name, more = "...", rest:sub(5) end
  table.insert(block.returns, { type = kind, optional = optional, name = name,
    text = more or rest })
end

function tags.meta() end
function tags.generic() end

-- Blocks of comments ------------------------------------------------------------------------------

local block_class = {}
block_class.__index = block_class

local function new_block()
  return setmetatable({ lines = {}, params = {}, returns = {} }, block_class)
end

function block_class:take_text()
  local text = table.concat(self.lines, "\n"):match "^%s*(.-)%s*$"
  self.lines = {}
  return text
end

function block_class:add(line, fail)
  local tag, rest = line:match "^@(%w+)%s*(.*)$"
  if not tag then
    self.lines[#self.lines + 1] = line
    return
  end
  if not tags[tag] then fail("@" .. tag .. " is not known here") end
  tags[tag](self, rest, fail)
end

-- Files -------------------------------------------------------------------------------------------

local reader = {}
reader.__index = reader

function reader:fail(text) error(("%s:%d: %s"):format(self.path, self.number, text), 0) end

local function split_names(text)
  local names = {}
  for name in text:gmatch "[%w_.]+" do names[#names + 1] = name end
  return names
end

-- The parameters that the line declares are those that the comment describes, in their order.
function reader:check_params(block, declared)
  local names = split_names(declared)
  for i = 1, math.max(#names, #block.params) do
    local described = block.params[i] and block.params[i].name
    if names[i] ~= described then
      self:fail(("parameter %d is '%s', its @param is '%s'"):format(i, tostring(names[i]),
        tostring(described)))
    end
  end
end

function reader:add_class(block)
  local class = self.docs.classes[block.class.name]
  if not class then
    class = block.class
    class.line, class.topic = self.number, self.topic.name
    self.docs.classes[class.name] = class
    table.insert(self.topic.classes, class)
  elseif #block.class.fields > 0 or #block.class.calls > 0 or block.class.text ~= "" then
    self:fail("the class " .. class.name .. " is described twice")
  end
  return class
end

-- "iflow.json" for what stands under that name in the module.
function reader:module_name(class)
  local module = self.docs.classes.iflow
  for _, field in ipairs(module and module.fields or {}) do
    if field.type == class.name then return "iflow." .. field.name end
  end
end

function reader:add_function(block, variable, mark, name, declared)
  local class = self.variables[variable]
  if not class then self:fail("the class of '" .. variable .. "' is not known") end
  self:check_params(block, declared)
  local fn = { name = name, class = class.name, method = mark == ":",
    title = (self:module_name(class) or variable) .. mark .. name, params = block.params,
    returns = block.returns, text = block:take_text(), line = self.number,
    topic = self.topic.name }
  table.insert(class.functions, fn)
  table.insert(self.topic.functions, fn)
end

function reader:set_topic(text)
  if self.topic.title then self:fail "this comment belongs to nothing" end
  self.topic.title, self.topic.text = text:match "^(.-)%.?\n%s*(.*)$"
  if not self.topic.title then self.topic.title, self.topic.text = text:gsub("%.$", ""), "" end
end

-- What a block of comments belongs to: the line behind it ("" when there is none).
function reader:finish(block, line)
  local class = block.class and self:add_class(block)
  local variable = line:match "^local ([%w_]+) = {}$"
  if class and variable then
    self.variables[variable], class.variable = class, class.variable or variable
  elseif block.alias then
    block.alias.line, block.alias.topic = self.number, self.topic.name
    self.docs.aliases[block.alias.name] = block.alias
    table.insert(self.topic.aliases, block.alias)
  end
  local owner, mark, name, params = line:match "^function ([%w_]+)([.:])([%w_]+)%((.-)%) end$"
  if owner then return self:add_function(block, owner, mark, name, params) end
  local text = block:take_text()
  if not class and not block.alias and text ~= "" then self:set_topic(text) end
end

function reader:line(text)
  local comment = text:match "^%-%-%- ?(.*)$" or text:match "^%-%-%-(@.*)$"
  if comment then
    self.block = self.block or new_block()
    self.block:add(comment, function(why) self:fail(why) end)
    return
  end
  if self.block then self:finish(self.block, text)
  elseif text:find "^function" then self:finish(new_block(), text) end
  self.block = nil
  if text:find "^function" and not text:find "^function [%w_]+[.:][%w_]+%(.-%) end$" then
    self:fail "a function is declared in one line: function class.name(…) end"
  end
end

--- Adds a file to docs. text: what is in it; name: of the topic; path: for errors.
function annotations.parse(docs, text, name, path)
  local topic = { name = name, classes = {}, functions = {}, aliases = {} }
  local self = setmetatable({ docs = docs, topic = topic, path = path or name, variables = {},
    number = 0 }, reader)
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do
    self.number = self.number + 1
    self:line(line)
  end
  if self.block then self:finish(self.block, "") end
  if not topic.title then self:fail "the file says nothing of its topic" end
  table.insert(docs.topics, topic)
  return topic
end

--- Empty docs, to be filled by annotations.parse.
function annotations.new() return { topics = {}, classes = {}, aliases = {} } end

--- All topics of a directory.
function annotations.read(directory)
  local docs = annotations.new()
  for _, name in ipairs(annotations.topics) do
    local path = ("%s/%s.lua"):format(directory, name)
    local file = assert(io.open(path))
    local text = file:read "a"
    file:close()
    annotations.parse(docs, text, name, path)
  end
  return docs
end

-- Reading what was read ---------------------------------------------------------------------------

--- The fields of a class and of its parents: name -> field.
function annotations.all_fields(docs, class)
  local found = {}
  for _, parent in ipairs(class.parents) do
    local known = docs.classes[parent]
    if known then
      for name, field in pairs(annotations.all_fields(docs, known)) do found[name] = field end
    end
  end
  for _, field in ipairs(class.fields) do found[field.name] = field end
  return found
end

--- "tenant:call(options)"; what may be left out stands in brackets.
function annotations.signature(fn)
  local parts = {}
  for i, param in ipairs(fn.params) do
    local lead = i > 1 and ", " or ""
    if param.name == "..." or not param.optional then parts[i] = lead .. param.name
    else parts[i] = (i > 1 and " [" or "[") .. lead .. param.name .. "]" end
  end
  return ("%s(%s)"):format(fn.title, table.concat(parts))
end

local function add_block(list, block)
  if block and (block.kind ~= "paragraph" or block.text ~= "") then list[#list + 1] = block end
end

local function join(before, line) return before == "" and line or before .. " " .. line end

-- A line outside of fenced code: the block that it goes on in, which may be a new one.
local function add_line(list, block, line)
  local item = line:match "^%s*%- (.*)$"
  if line:find "^%s*$" then
    add_block(list, block)
    return nil
  elseif item then
    if not block or block.kind ~= "list" then
      add_block(list, block)
      block = { kind = "list", items = {} }
    end
    table.insert(block.items, item)
  elseif block and block.kind == "list" then
    block.items[#block.items] = join(block.items[#block.items], line:match "^%s*(.*)$")
  else
    block = block or { kind = "paragraph", text = "" }
    block.text = join(block.text, line)
  end
  return block
end

--- The blocks of a text.
function annotations.blocks(text)
  local list, block, code = {}, nil, nil
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do
    if line:find "^```" and code then
      list[#list + 1] = { kind = "code", code = table.concat(code, "\n") .. "\n" }
      code = nil
    elseif line:find "^```" then
      add_block(list, block)
      block, code = nil, {}
    elseif code then
      code[#code + 1] = line
    else
      block = add_line(list, block, line)
    end
  end
  add_block(list, block)
  return list
end

return annotations
