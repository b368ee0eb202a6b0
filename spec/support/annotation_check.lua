-- annotation_check.lua -- compares annotations with what a loaded module says of itself, in both
-- directions. For spec/meta/annotations_spec.lua; what is wrong comes as a list of texts.
local annotations = require "scripts.package.annotations"
local seconds = require("iflow.core").task.seconds

local check = {}

local function add(problems, text, ...) problems[#problems + 1] = text:format(...) end

local function sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  return names
end

-- Functions ---------------------------------------------------------------------------------------

local function names_of(params)
  local names = {}
  for i, param in ipairs(params) do names[i] = param.name end
  return names
end

local function compare_lua(problems, title, described, params)
  local said, real = table.concat(described, ", "), table.concat(params, ", ")
  if said ~= real then add(problems, "%s(%s) takes (%s)", title, said, real) end
end

-- The comment of a C file names parameters, or shows examples and tables: those only count.
local function compare_c(problems, title, described, params)
  local same = #described == #params
  for i, name in ipairs(params) do
    local is_name = name:find "^[%a_][%w_]*$" or name == "..."
    if is_name and name ~= described[i] then same = false end
  end
  if not same then
    add(problems, "%s(%s): the comment in src/bind says (%s)", title,
      table.concat(described, ", "), table.concat(params, ", "))
  end
end

--- found: name -> { params = names } of a function of Lua, { c_params = … } of one of C.
function check.functions(docs, class_name, found, problems)
  local class, described = docs.classes[class_name], {}
  if not class then return add(problems, "there is no class %s", class_name) end
  for _, fn in ipairs(class.functions) do
    local real, title = found[fn.name], class_name .. " " .. fn.name
    if described[fn.name] then add(problems, "%s is described twice", title) end
    described[fn.name] = true
    if not real then add(problems, "%s is described and does not exist", title)
    elseif real.params then compare_lua(problems, title, names_of(fn.params), real.params)
    elseif real.c_params then compare_c(problems, title, names_of(fn.params), real.c_params)
    elseif real.c_params == false then
      add(problems, "%s: the comment in src/bind does not name it", title)
    end
    if fn.text == "" then add(problems, "%s: nothing says what it does", title) end
  end
  for _, name in ipairs(sorted(found)) do
    if not described[name] then add(problems, "%s %s is not described", class_name, name) end
  end
end

-- Options -----------------------------------------------------------------------------------------

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function show(value)
  if type(value) ~= "table" then return tostring(value) end
  return next(value) == nil and "{}" or "a table"
end

local function compare_default(problems, title, field, real)
  if not field.default then
    if real ~= nil then add(problems, "%s has the default %s", title, show(real)) end
    return
  end
  local fn, wrong = load("return " .. field.default)
  if not fn then return add(problems, "%s: its default: %s", title, wrong) end
  local said = fn()
  if said == false and real == nil then return end -- a flag that is not there is off
  if field.type:find("iflow.duration", 1, true) and real ~= nil then
    said, real = seconds(said) or said, seconds(real) or real
  end
  if not same(said, real) then
    add(problems, "%s: its default is %s, not %s", title, show(real), show(said))
  end
end

--- keys: a set. defaults: name -> value, nil: they are not compared.
function check.options(docs, class_name, keys, defaults, problems)
  local class = docs.classes[class_name]
  if not class then return add(problems, "there is no class %s", class_name) end
  local fields = annotations.all_fields(docs, class)
  for _, name in ipairs(sorted(fields)) do
    local field, title = fields[name], class_name .. "." .. name
    local is_item = name:find "^%["
    if not is_item and not keys[name] then add(problems, "%s is not accepted", title) end
    if field.text == "" then add(problems, "%s: nothing says what it is", title) end
    if field.optional == (field.text:find "Needed%." ~= nil) then
      add(problems, "%s is either optional or needed", title)
    end
    if defaults and not is_item and keys[name] then
      compare_default(problems, title, field, defaults[name])
    end
  end
  for _, name in ipairs(sorted(keys)) do
    if not fields[name] then add(problems, "%s.%s is not described", class_name, name) end
  end
end

--- The defaults of parameters. known: "class name parameter" -> value.
function check.params(docs, known, problems)
  local seen = {}
  for _, topic in ipairs(docs.topics) do
    for _, fn in ipairs(topic.functions) do
      for _, param in ipairs(fn.params) do
        local title = ("%s %s %s"):format(fn.class, fn.name, param.name)
        seen[title] = true
        compare_default(problems, title, param, known[title])
      end
    end
  end
  for _, title in ipairs(sorted(known)) do
    if not seen[title] then add(problems, "%s is not described", title) end
  end
end

-- Values ------------------------------------------------------------------------------------------

--- A table that the module gave: what is in it is described, and what is not optional is there.
function check.value(docs, class_name, value, problems)
  local class = docs.classes[class_name]
  if not class then return add(problems, "there is no class %s", class_name) end
  local fields = annotations.all_fields(docs, class)
  for name in pairs(value) do
    if type(name) == "string" and not fields[name] then
      add(problems, "%s.%s is not described", class_name, name)
    end
  end
  for _, name in ipairs(sorted(fields)) do
    if not fields[name].optional and value[name] == nil then
      add(problems, "%s.%s is missing in a value", class_name, name)
    end
  end
end

-- Types -------------------------------------------------------------------------------------------

local basic = {}
for _, name in ipairs { "any", "nil", "boolean", "true", "false", "string", "number", "integer",
  "table", "function", "userdata", "fun" } do basic[name] = true end

-- The names in a type that are types.
local function type_names(text)
  text = text:gsub('"[^"]*"', " "):gsub("[%w_.]+%??%s*:", " ") -- names of parameters and fields
  return text:gmatch "[%a_][%w_.]*"
end

local function check_type(docs, where, text, problems)
  for name in type_names(text) do
    if not basic[name] and name ~= "T" and not docs.classes[name] and not docs.aliases[name] then
      add(problems, "%s has the unknown type %s", where, name)
    end
  end
end

local function check_function(docs, fn, problems)
  for _, param in ipairs(fn.params) do check_type(docs, fn.title, param.type, problems) end
  for _, result in ipairs(fn.returns) do check_type(docs, fn.title, result.type, problems) end
end

--- Every type that annotations name exists.
function check.types(docs, problems)
  for name, class in pairs(docs.classes) do
    for _, parent in ipairs(class.parents) do check_type(docs, name, parent, problems) end
    for _, field in ipairs(class.fields) do check_type(docs, name, field.type, problems) end
    for _, fn in ipairs(class.functions) do check_function(docs, fn, problems) end
    for _, call in ipairs(class.calls) do
      check_function(docs, { title = name, params = call.params, returns = call.returns }, problems)
    end
  end
  for name, alias in pairs(docs.aliases) do check_type(docs, name, alias.type, problems) end
end

--- Every code that a text names as an expected error exists: "Errors: `call.*`, `task.timeout`."
function check.codes(docs, codes, problems)
  for _, topic in ipairs(docs.topics) do
    for _, fn in ipairs(topic.functions) do
      local said = fn.text:match "Errors.*" or ""
      for code in said:gmatch "`(%l[%l_]*%.[%l_*]+)`" do
        local known = code:find("*", 1, true) and code:gsub("%*", "") or nil
        local found = known == nil and codes[code]
        for name in pairs(known and codes or {}) do
          found = found or name:sub(1, #known) == known
        end
        if not found and not code:find "^iflow%." then
          add(problems, "%s: there is no error %s", fn.title, code)
        end
      end
    end
  end
end

return check
