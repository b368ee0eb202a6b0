-- The annotations for editors (lua/iflow/meta) say what the loaded module says: every public
-- function and option, their parameters and defaults, in both directions.
local annotations = require "scripts.package.annotations"
local check = require "spec.support.annotation_check"
local iflow = require "iflow"
local live = require "spec.support.live_module"
local process = require "spec.support.process"
local rows = require "spec.support.annotation_rows"

local DIRECTORY = "lua/iflow/meta"

local function docs_of(text)
  local docs = annotations.new()
  annotations.parse(docs, text, "example", "example.lua")
  return docs
end

local function problems_of(fn, ...)
  local args, problems = table.pack(...), {}
  args[args.n + 1] = problems
  fn(table.unpack(args, 1, args.n + 1))
  return problems
end

-- The rows cost a second, and are the same each time.
local function once(fn)
  local kept
  return function()
    kept = kept or fn()
    return kept
  end
end

local all_functions, all_options = once(rows.functions), once(rows.options)

describe("the annotations", function()
  local docs = annotations.read(DIRECTORY)

  it("are one file a topic", function()
    local listed = {}
    for _, name in ipairs(annotations.topics) do listed[name .. ".lua"] = true end
    local found = {}
    for name in process.run({ "ls", DIRECTORY }).out:gmatch "[^\n]+" do found[name] = true end
    assert.same(listed, found)
  end)

  it("are Lua, and the program never loads them", function()
    for _, name in ipairs(annotations.topics) do
      local path = ("%s/%s.lua"):format(DIRECTORY, name)
      assert(loadfile(path))
      assert.is_truthy(process.read(path):find "^%-%-%-@meta [%w_.]+\n", path)
    end
    assert.is_truthy(process.read "CMakeLists.txt":find("EXCLUDE REGEX \"/lua/iflow/meta/\"", 1,
      true))
  end)

  it("name only types that exist", function()
    assert.same({}, problems_of(check.types, docs))
  end)

  it("name only errors that exist", function()
    local codes = {}
    for _, code in ipairs(iflow.error.codes()) do codes[code] = true end
    assert.same({}, problems_of(check.codes, docs, codes))
  end)

  it("have every name of the module", function()
    local public, known = rows.public_names(), {}
    for _, field in ipairs(docs.classes.iflow.fields) do known[field.name] = true end
    for _, fn in ipairs(docs.classes.iflow.functions) do known[fn.name] = true end
    assert.same(public, known)
  end)

  it("have every function and its parameters", function()
    local problems = {}
    for _, row in ipairs(all_functions()) do
      check.functions(docs, row.class, row.found, problems)
    end
    assert.same({}, problems)
  end)

  it("have every option and its default", function()
    local problems = {}
    for _, row in ipairs(all_options()) do
      check.options(docs, row.class, row.keys, row.defaults, problems)
    end
    assert.same({}, problems)
  end)

  it("have the default of every parameter", function()
    assert.same({}, problems_of(check.params, docs, rows.param_defaults()))
  end)

  it("leave nothing of this unchecked", function()
    local checked, unchecked = {}, {}
    for _, row in ipairs(all_functions()) do checked[row.class] = true end
    for _, row in ipairs(all_options()) do checked[row.class] = true end
    for name, class in pairs(docs.classes) do
      local needs = #class.functions > 0 or name:find "%.options$"
      if needs and not checked[name] and not rows.base[name] then unchecked[name] = true end
    end
    assert.same({}, unchecked)
  end)

  it("are all options that C accepts, and no others", function()
    for _, row in ipairs(all_options()) do
      if row.try then
        assert.has_error(function() row.try { [live.PROBE] = true } end)
        for name in pairs(row.keys) do
          -- A value of a wrong type is refused, but never as an unknown option.
          local _, why = pcall(row.try, { [name] = print })
          assert.is_nil(tostring(why):find("unknown option", 1, true), row.class .. "." .. name)
        end
      end
    end
  end)
end)

describe("the comparison of annotations", function()
  local TEXT = [[
--- An example.

--- Options.
---@class made.options
--- How many. Default: `3`.
---@field count? integer
--- How long. Default: `"2m"`.
---@field wait? iflow.duration
--- Needed.
---@field name string

--- A thing.
---@class made.thing
local thing = {}

--- Does it.
---@param name string
---@param options? made.options
---@return boolean done
function thing:act(name, options) end
]]
  local KEYS = { count = true, wait = true, name = true }
  local DEFAULTS = { count = 3, wait = 120 }
  local FOUND = { act = { params = { "name", "options" } } }

  local function options(text, keys, defaults)
    return #problems_of(check.options, docs_of(text), "made.options", keys or KEYS,
      defaults or DEFAULTS)
  end

  local function functions(text, found)
    return #problems_of(check.functions, docs_of(text), "made.thing", found or FOUND)
  end

  local function changed(from, to)
    local text, n = TEXT:gsub(from, to)
    assert(n > 0, from)
    return text
  end

  it("is content with what is right", function()
    assert.equal(0, options(TEXT))
    assert.equal(0, functions(TEXT))
  end)

  it("sees an option that is stale, missing, or has another default", function()
    assert.equal(2, options(changed("count%?", "cuont?")))
    assert.equal(1, options(TEXT, { count = true, wait = true, name = true, new = true }))
    assert.equal(1, options(TEXT, { count = true, name = true }))
    assert.equal(1, options(changed("`3`", "`4`")))
    assert.equal(1, options(changed('`"2m"`', '`"2h"`')))
    assert.equal(1, options(changed(" Default: `3`.", "")))
    assert.equal(1, options(TEXT, nil, { wait = 120 }))
    assert.equal(1, options(changed("name string\n\n", "name? string\n\n")))
  end)

  it("sees a function that is stale, missing, or has other parameters", function()
    assert.equal(2, functions(changed("thing:act", "thing:art")))
    assert.equal(1, functions(TEXT, { act = FOUND.act, new = { params = {} } }))
    assert.equal(1, functions(TEXT, {}))
    assert.equal(1, functions(TEXT, { act = { params = { "options", "name" } } }))
    assert.equal(1, functions(TEXT, { act = { params = { "name", "options", "..." } } }))
    assert.equal(1, functions(TEXT, { act = { c_params = { "name" } } }))
    assert.equal(1, functions(TEXT, { act = { c_params = { "text", "{}" } } }))
    assert.equal(0, functions(TEXT, { act = { c_params = { "name", "{}" } } }))
    assert.equal(1, functions(TEXT, { act = { c_params = false } }))
    assert.equal(1, functions(changed("%-%-%- Does it%.\n", "")))
  end)

  it("sees a parameter with another default", function()
    local docs = docs_of(changed("param name string", "param name string Default: `\"x\"`."))
    local function params(known) return #problems_of(check.params, docs, known) end
    assert.equal(0, params { ["made.thing act name"] = "x" })
    assert.equal(1, params { ["made.thing act name"] = "y" })
    assert.equal(1, params {})
    assert.equal(1, params { ["made.thing act name"] = "x", ["made.thing act options"] = 1 })
    assert.equal(1, params { ["made.thing act name"] = "x", ["made.thing art name"] = "x" })
  end)

  it("sees an unknown type, an unknown code, and a value that is not described", function()
    assert.equal(1, #problems_of(check.types, docs_of(TEXT))) -- iflow.duration is not in it
    local mistyped = changed("name string\n\n", "name sting\n\n")
    assert.equal(2, #problems_of(check.types, docs_of(mistyped)))
    local text = changed("Does it%.", "Does it. Errors: `made.up`, `task.*`, `task.never`.")
    assert.equal(2, #problems_of(check.codes, docs_of(text), { ["task.timeout"] = true }))
    local docs = docs_of(TEXT)
    assert.equal(0, #problems_of(check.value, docs, "made.options", { name = "x", count = 1 }))
    assert.equal(1, #problems_of(check.value, docs, "made.options", { count = 1 }))
    assert.equal(1, #problems_of(check.value, docs, "made.options", { name = "x", more = 1 }))
  end)

  it("refuses comments and declarations that differ", function()
    for from, to in pairs {
      ["@param name"] = "@param nmae", ["%-%-%-@param name string\n"] = "",
      ["act%(name, options%)"] = "act(options, name)", ["@class made.thing"] = "@clas made.thing",
      ["@field count%?"] = "@field", ["function thing"] = "function other",
      ["%(name, options%) end"] = "(name, options)",
    } do
      local ok = pcall(docs_of, changed(from, to))
      assert.is_false(ok, from)
    end
  end)
end)
