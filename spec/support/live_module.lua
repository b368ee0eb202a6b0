-- live_module.lua -- what the loaded module says of itself: names and parameters of functions, keys
-- and defaults of options. For spec/meta/annotations_spec.lua.
--
-- Functions of Lua tell their parameters; those of C are compared with the comment at the head of
-- their file in src/bind, which is their documentation. Options that Lua checks are seen when they
-- are checked; those of C are read where C reads them, and tried.
local process = require "spec.support.process"

local live = {}

-- Functions ---------------------------------------------------------------------------------------

local function upvalue(fn, wanted)
  for i = 1, 255 do
    local name, value = debug.getupvalue(fn, i)
    if not name then return nil end
    if name == wanted then return value end
  end
end

local function functions_in(value, list)
  if type(value) == "function" then list[#list + 1] = value end
  if type(value) ~= "table" then return end
  for _, field in next, value do
    if type(field) == "function" then list[#list + 1] = field end
  end
end

--- The value of a local variable that functions of a module's file use. module: its value; the
-- functions that one can reach through them are searched, too.
function live.variable(module, name)
  local list, seen = {}, {}
  functions_in(module, list)
  functions_in(debug.getmetatable(module), list)
  local source = debug.getinfo(list[1], "S").source
  while list[1] do
    local fn = table.remove(list)
    local found = upvalue(fn, name)
    if found ~= nil then return found end
    for i = 1, 255 do
      local known, value = debug.getupvalue(fn, i)
      if not known then break end
      local own = type(value) == "function" and debug.getinfo(value, "S").source == source
      if (own or type(value) == "table") and not seen[value] then
        seen[value] = true
        functions_in(value, list)
      end
    end
  end
  error("no function uses a variable named " .. name)
end

--- The methods of a class of the C core.
function live.class(name)
  local index = debug.getregistry()[name].__index
  if type(index) == "table" then return index end
  local _, methods = debug.getupvalue(index, 1)
  return methods
end

--- The parameters of a function of Lua; nil for one of C. skip: those that a call does not give.
function live.params(fn, skip)
  local info, list = debug.getinfo(fn, "uS"), {}
  if info.what == "C" then return nil end
  for i = skip + 1, info.nparams do list[#list + 1] = debug.getlocal(fn, i) end
  if info.isvararg then list[#list + 1] = "..." end
  return list
end

--- The C files whose names begin so, "bind/call", as one text, so that a file may be split; and the
-- comments at their heads.
function live.source(prefix)
  local all, heads = {}, {}
  for path in process.run({ "sh", "-c", "ls src/" .. prefix .. "*.[ch]" }).out:gmatch "[^\n]+" do
    local text = assert(process.read(path))
    all[#all + 1], heads[#heads + 1] = text, text:match "^/%*.-%*/"
  end
  assert(all[1], prefix)
  return table.concat(all, "\n"), table.concat(heads, "\n")
end

local texts = {}

local function lines_of(path)
  if not texts[path] then
    texts[path] = {}
    for line in (process.read(path) or ""):gmatch "([^\n]*)\n" do
      table.insert(texts[path], line)
    end
  end
  return texts[path]
end

--- Whether the comment above a function of Lua says that it is internal.
function live.is_internal(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return false end
  local lines, at = lines_of(info.source:sub(2)), info.linedefined - 1
  while at > 0 and lines[at]:find "^%-%-" do
    if lines[at]:find "%f[%w]Internal%f[%W]" then return true end
    at = at - 1
  end
  return false
end

-- "text [, { a =, b = }]" -> { "text", "{}" }
local function split_params(text)
  local list = {}
  text = text:gsub("%b{}", "{}"):gsub('"[^"]*"', '"'):gsub("^true$", '"') .. ","
  for part in text:gsub("[%[%]]", ""):gmatch "%s*(.-)%s*," do
    if part ~= "" then list[#list + 1] = part end
  end
  return list
end

--- The parameters that the comments at the heads of C files give a function, of its longest form:
-- names, "{}" for a table, other texts for examples; nil when it is not named there.
function live.c_params(heads, name)
  local head, longest = heads:gsub("\n %*", "\n"), nil
  for at in head:gmatch("()%f[%w_]" .. name .. "%s*[({]") do
    local args = head:match("^" .. name .. "%s*(%b())", at)
    local params = args and split_params(args:sub(2, -2)) or { "{}" }
    if not longest or #params > #longest then longest = params end
  end
  return longest
end

-- Options of Lua ----------------------------------------------------------------------------------

local suggest, options = require "iflow.suggest", require "iflow.options"

--- A key that no table of options has.
live.PROBE = "no such option, surely"

local function with(module, name, replacement, fn)
  local before = module[name]
  local _ <close> = setmetatable({}, { __close = function() module[name] = before end })
  module[name] = replacement(before)
  return fn()
end

--- Calls fn, which is to hand on a table with the key PROBE: the set of keys that are known, and
-- the rows with types and defaults, when lua/iflow/options.lua checks them. Raises when nobody
-- refuses the key; what: whose options they are.
function live.checked(fn, what)
  local keys, rows
  local refused = with(suggest, "check_keys", function(before)
    return function(given, known, level)
      if rawget(given, live.PROBE) ~= nil and not keys then
        keys = {}
        for _, name in ipairs(known) do keys[name] = true end
      end
      return before(given, known, (level or 2) + 1)
    end
  end, function()
    return with(options, "check", function(before)
      return function(given, known, level)
        local probed = type(given) == "table" and rawget(given, live.PROBE) ~= nil
        if probed then rows = rows or known end
        return before(given, known, (level or 2) + 1)
      end
    end, function() return not pcall(fn) end)
  end)
  if not refused or not keys then error(what .. ": an unknown option is not refused", 2) end
  return keys, rows
end

--- The defaults of rows.
function live.defaults(rows)
  local found = {}
  for name, row in pairs(rows) do found[name] = row.default end
  return found
end

-- Options of C ------------------------------------------------------------------------------------


local function body_of(text, name)
  local body = text:match("\n[%w_ *]-%f[%w_]" .. name .. "%b()\n(%b{})")
  return assert(body, "there is no function " .. name)
end

--- The set of keys that a C function knows.
function live.c_keys(text, name)
  local list = assert(body_of(text, name):match "keys%[%] = (%b{})", name .. " has no keys")
  local keys = {}
  for key in list:gmatch '"([^"]*)"' do keys[key] = true end
  return keys
end

-- The number of an enumerator; nil when it is none.
local function enumerator(text, wanted)
  for list in text:gmatch "enum [%w_]*%s*(%b{})" do
    local at = 0
    for name in list:gmatch "[%a_][%w_]*" do
      if name == wanted then return at end
      at = at + 1
    end
  end
end

-- The value of an expression of C; names are looked for among the file's macros.
function live.evaluate(text, expression)
  local quoted = expression:match '^"([^"]*)"$'
  if quoted then return quoted end
  expression = expression:gsub("%(lua_Integer%)", ""):gsub("%(int64_t%)", "")
  expression = expression:gsub("%f[%w_]([%a_][%w_]*)", function(name)
    if name == "true" or name == "false" then return name end
    local macro = text:match("#define " .. name .. "%s+([^\n/]+)")
    local value
    if macro then value = live.evaluate(text, macro) else value = enumerator(text, name) end
    return ("(%s)"):format(value)
  end)
  local fn = load("return " .. expression)
  if fn then return fn() end
end

-- The words of an array of C.
local function words_of(text, name)
  local words = {}
  for word in (text:match("%f[%w_]" .. name .. "%[%] = (%b{})") or ""):gmatch '"([^"]*)"' do
    words[#words + 1] = word
  end
  return words
end

--- The defaults of options as a C function reads them: ifl_optinteger(L, 2, "depth", 128, …).
function live.c_defaults(text, ...)
  local found = {}
  for _, name in ipairs { ... } do
    local body = body_of(text, name)
    for kind, key, rest in body:gmatch 'ifl_opt(%w+)%(L, [^,]+, "([%w_]+)", ([^;]+)' do
      local first = rest:match "^([^,()]+)[,)]" or rest:match "^[^,(]*%b()[^,)]*"
      local value = live.evaluate(text, first)
      local list = kind == "word" and words_of(body, rest:match ", ([%w_]+)%)")
      if list then value = list[(value or -1) + 1] end
      if kind == "duration" and value then value = value / 1000 end
      found[key] = value
    end
  end
  return found
end

return live
