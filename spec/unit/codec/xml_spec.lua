-- What the reader of XML keeps, however large the document: a record, a tag, the names.
local xml = require("iflow.core").xml

local function refused(text)
  local value, err = xml.decode(text, { max_record = 1 << 30, max_text = 1 << 30 })
  assert.is_nil(value)
  return err.code
end

describe("the reader of XML", function()
  it("holds one record, however long the document", function()
    local reader = xml.reader { each = "/a/r" }
    reader:feed "<a>"
    reader:next()
    local piece = ("<r><id>%d</id><text>%s</text></r>\n"):format(1, ("x"):rep(10000)):rep(6)
    local count, before = 0, nil
    for i = 1, 100 do
      reader:feed(piece)
      while reader:next() do count = count + 1 end
      if i == 20 then
        collectgarbage()
        before = collectgarbage "count"
      end
    end
    collectgarbage()
    assert.equal(600, count)
    assert.is_true(collectgarbage "count" < before + 1000)
  end)

  it("remembers as many orders as there are, however long", function()
    local records, long = {}, {}
    for i = 1, 1200 do records[i] = ("<r><a%d/><z/><b/></r>"):format(i) end
    for i = 1, 300 do long[i] = ("<name%d/><z/>"):format(i) end
    local text = ("<a>%s<r>%s</r></a>"):format(table.concat(records), table.concat(long))
    assert.equal(text, xml.encode(assert(xml.decode(text)), { declaration = false }))
  end)

  it("refuses a tag, a comment or an instruction without end", function()
    assert.equal("transform.invalid", refused("<a><!--" .. ("x"):rep(5 << 20) .. "--></a>"))
    assert.equal("transform.invalid", refused("<a b='" .. ("x"):rep(5 << 20) .. "'/>"))
    assert.equal("transform.invalid", refused("<a><?x " .. ("x"):rep(5 << 20) .. "?></a>"))
    assert.equal("transform.invalid",
      refused("<!DOCTYPE a [" .. ("<!ELEMENT b ANY>"):rep(20000) .. "]><a/>"))
  end)

  it("refuses more names than a format has", function()
    local names = {}
    for i = 1, 10000 do names[i] = ("<n%d/>"):format(i) end
    assert.equal("transform.invalid", refused("<a>" .. table.concat(names) .. "</a>"))
    names[#names] = nil
    assert.truthy(xml.decode("<a>" .. table.concat(names) .. "</a>"))
  end)

  it("counts the names of what it does not read, too", function()
    local function read(count)
      local reader = xml.reader { each = "/a/r", max_attributes = 1 }
      reader:feed "<a>"
      reader:next()
      for i = 1, count do
        reader:feed(("<%s x='1' n%d='1'/>"):format(i % 2 == 0 and "r" or "other", i))
        local data, err
        repeat data, err = reader:next() until data == nil
        if err then return err end
      end
    end
    assert.equal("transform.invalid", read(10001).code)
    assert.is_nil(read(9990))
  end)

  it("refuses more prefixes than a format has, also when they are not given", function()
    local names = { ("x"):rep(70000) } -- the first of a document are not counted
    for i = 1, 10001 do names[i + 1] = ("<n%d:n xmlns:n%d='u'/>"):format(i, i) end
    local function decode()
      return xml.decode("<a>" .. table.concat(names) .. "</a>", { namespaces = false })
    end
    assert.equal("transform.invalid", select(2, decode()).code)
    names[#names] = nil
    assert.truthy(decode())
  end)

  it("takes white space, text and comments of any length in small ones", function()
    local long = (" "):rep(6 << 20)
    assert.same({ a = "x" }, xml.decode(("<!-- -->"):rep(10) .. long .. "<a>x</a>" .. long))
    local reader = xml.reader { each = "/a/b" }
    reader:feed "<a>"
    assert.is_nil(reader:next())
    for _ = 1, 100 do
      reader:feed(("text "):rep(20000))
      assert.is_nil(select(2, reader:next()))
    end
    reader:feed "<b>1</b></a>"
    local data = reader:next()
    reader:finish()
    assert.equal("1", data or (reader:next()))
  end)
end)
