-- The HTML reference: whole, without any other resource, and with examples that work.
local process = require "spec.support.process"

package.path = "scripts/package/?.lua;" .. package.path
local annotations = require "annotations"
local reference = require "reference"

local META = "lua/iflow/meta"
-- Elements that have no end.
local VOID = { ["!DOCTYPE"] = true, meta = true, wbr = true }

local function codes()
  local errors = require "iflow.error"
  local list = {}
  for i, code in ipairs(errors.codes()) do
    list[i] = errors.info(code)
    list[i].code = code
  end
  return list
end

-- The examples of a text.
local function add_examples(list, text, where)
  for _, block in ipairs(annotations.blocks(text)) do
    if block.kind == "code" then list[#list + 1] = { code = block.code, where = where } end
  end
end

local function examples_of(docs)
  local list = {}
  for _, topic in ipairs(docs.topics) do
    add_examples(list, topic.text, topic.name)
    for _, fn in ipairs(topic.functions) do add_examples(list, fn.text, fn.title) end
    for _, class in ipairs(topic.classes) do add_examples(list, class.text, class.name) end
  end
  return list
end

-- What needs a tenant of SAP is only compiled.
local function needs_tenant(code)
  return code:find("iflow.run(", 1, true) ~= nil and code:find("-key.json", 1, true) ~= nil
end

describe("the reference", function()
  local docs = annotations.read(META)
  local page = reference { docs = docs, version = "1.2.3", codes = codes(),
    style = assert(process.read "scripts/package/reference.css") }

  it("closes what it opens, in order", function()
    local open = {}
    for slash, name in page:gmatch "<(/?)([%a!][%w]*)[^>]*>" do
      if slash == "/" then assert.equal(table.remove(open), name)
      elseif not VOID[name] then open[#open + 1] = name end
    end
    assert.same({}, open)
  end)

  it("has one anchor for every name, and links that lead somewhere", function()
    local anchors, links = {}, 0
    for id in page:gmatch ' id="([^"]*)"' do
      assert.is_nil(anchors[id], id)
      anchors[id] = true
    end
    for target in page:gmatch 'href="#([^"]*)"' do
      assert.is_true(anchors[target], target)
      links = links + 1
    end
    assert.is_true(links > 500)
    for _, topic in ipairs(docs.topics) do
      for _, fn in ipairs(topic.functions) do
        local id = fn.method and fn.class .. "-" .. fn.name or fn.title
        assert.is_true(anchors[id .. "()"], fn.title)
      end
    end
  end)

  it("loads nothing from elsewhere", function()
    for _, pattern in ipairs { "<script", "<link", "<img", " src=", "url%(", "@import",
      'href="[^#]' } do
      assert.is_nil(page:find(pattern), pattern)
    end
  end)

  it("lists every code of an error", function()
    for _, row in ipairs(codes()) do
      assert.is_truthy(page:find(('<tr id="%s">'):format(row.code), 1, true), row.code)
    end
  end)

  it("is written by the build, and installed", function()
    local dir <close> = process.tempdir()
    local result = process.run { process.iflow, "run", "scripts/package/pages.lua", "--", dir.path,
      META, timeout = 120 }
    assert.equal(0, result.code, result.err)
    local written = assert(process.read(dir:file "reference.html"))
    assert.is_truthy(written:find("iflow.sender.options", 1, true))
    local cmake = assert(process.read "scripts/package/package.cmake")
    assert.is_truthy(cmake:find("reference.html", 1, true))
  end)
end)

describe("the examples of the annotations", function()
  local examples = examples_of(annotations.read(META))
  local env = { LUA_PATH = os.getenv "LUA_PATH", LUA_CPATH = os.getenv "LUA_CPATH" }

  it("are many, and Lua", function()
    assert.is_true(#examples >= 20)
    for _, example in ipairs(examples) do assert(load(example.code, "=" .. example.where)) end
  end)

  for _, example in ipairs(examples) do
    if not needs_tenant(example.code) then
      it("run: " .. example.where, function()
        local dir <close> = process.tempdir()
        env.HOME = dir.path
        local result = process.run { process.lua, dir:write("example.lua", example.code),
          dir = dir.path, env = env, timeout = 120 }
        assert.equal(0, result.code, result.out .. result.err)
      end)
    end
  end
end)
