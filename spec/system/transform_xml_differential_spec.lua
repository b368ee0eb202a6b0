-- Random XML: what we write and read is the same again, and Python's xml module reads documents as
-- we do, and what we write of them like the documents themselves.
local core = require "iflow.core"
local process = require "spec.support.process"
local random_json = require "spec.support.random_json"
local random_xml = require "spec.support.random_xml"
local size = require "spec.support.size"

local json, xml = core.json, core.xml

local COUNT = size.of(2000, 100000)

local function seed()
  local value = tonumber(os.getenv "IFLOW_SPEC_SEED") or os.time()
  math.randomseed(value)
  return ("seed %d, value "):format(value)
end

describe("random XML", function()
  it("survives decode(encode(x))", function()
    local where = seed()
    for at = 1, COUNT do
      local value = { root = random_xml.element(4) }
      local text = assert(xml.encode(value))
      local back = assert(xml.decode(text))
      assert.is_true(random_xml.same(value, back), where .. at)
      assert.equal(text, xml.encode(back))
    end
  end)

  it("comes in records of any path as it is in the document", function()
    local where = seed()
    for at = 1, COUNT // 10 do
      local value = { r = { random_xml.element(2), random_xml.element(2), random_xml.element(2) } }
      local text = assert(xml.encode(value, { root = "top" }))
      local reader, count, step = xml.reader { each = "/top/r" }, 0, math.random(1, 50)
      local function drain()
        for data in function() return (reader:next()) end do
          count = count + 1
          assert.is_true(random_xml.same(value.r[count], data), where .. at)
        end
      end
      for from = 1, #text, step do
        reader:feed(text:sub(from, from + step - 1))
        drain()
      end
      reader:finish()
      drain()
      assert.equal(3, count)
    end
  end)

  -- Another parser than ours and Python's, which are both expat.
  it("comes back from xmllint as we wrote it", function()
    local where = seed()
    local dir <close> = process.tempdir()
    local values, texts = {}, {}
    for at = 1, COUNT do
      values[at] = { doc = random_xml.element(4) }
      texts[at] = assert(xml.encode(values[at], { declaration = false }))
    end
    local given = dir:write("all", "<all>" .. table.concat(texts) .. "</all>")
    local result = process.run { "xmllint", "--c14n", given, timeout = 600 }
    assert.equal(0, result.code, result.err)
    local reader, count = xml.reader { each = "/all/*" }, 0
    for _, step in ipairs { "feed", "finish" } do
      reader[step](reader, result.out)
      for data in function() return (reader:next()) end do
        count = count + 1
        assert.is_true(random_xml.same(values[count], data), where .. count)
      end
    end
    assert.equal(COUNT, count)
  end)

  it("is for Python's xml what it is for us", function()
    local where = seed()
    local dir <close> = process.tempdir()
    local values, pairs_of = {}, {}
    for at = 1, COUNT do
      local document = random_xml.document(3)
      values[at] = assert(xml.decode(document, { namespaces = {} }))
      local rewritten = assert(xml.encode(assert(xml.decode(document)), { declaration = false }))
      pairs_of[at] = json.encode { document, rewritten }
    end
    local given = dir:write("pairs", table.concat(pairs_of, "\n") .. "\n")
    local result = process.run { "python3", "spec/support/xml_shape.py", given, timeout = 600 }
    assert.equal(0, result.code, result.err)
    local at = 0
    for line in result.out:gmatch "[^\n]+" do
      at = at + 1
      local theirs = assert(json.decode(line))
      assert.is_true(theirs.same, where .. at)
      assert.is_true(random_json.same(theirs.value, values[at], true), where .. at)
    end
    assert.equal(COUNT, at)
  end)
end)
