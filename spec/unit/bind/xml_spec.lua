local core = require "iflow.core"

local xml, json = core.xml, core.json
local decode = xml.decode

local DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

local function refused(text, options)
  local value, err = decode(text, options)
  assert.is_nil(value)
  assert.equal("transform.invalid", err.code)
  return err.message
end

local function encode(value, options)
  return (assert(xml.encode(value, options)):gsub("^.-\n", ""))
end

local function unencodable(value, options)
  local text, err = xml.encode(value, options)
  assert.is_nil(text)
  assert.equal("transform.invalid", err.code)
  return err.message
end

-- What comes out of a reader fed with pieces of n bytes: { { data, line, err }… }, err.
local function read(text, n, options)
  local reader, found = xml.reader(options), {}
  local function drain()
    while true do
      local data, line, err = reader:next()
      if data == nil then return line end
      found[#found + 1] = { data, line, err and err.code }
    end
  end
  for at = 1, #text, n do
    reader:feed(text:sub(at, at + n - 1))
    local err = drain()
    if err then return found, err.code end
  end
  reader:finish()
  local err = drain()
  return found, err and err.code
end

describe("xml.decode", function()
  it("makes texts of elements with text only, and tables of the others", function()
    assert.same({ a = "" }, decode "<a/>")
    assert.same({ a = " x " }, decode "<a> x </a>")
    assert.same({ a = { ["@x"] = "1" } }, decode "<a x='1'/>")
    assert.same({ a = { ["@x"] = "1", ["#text"] = "t" } }, decode "<a x='1'>t</a>")
    assert.same({ Order = { ["@id"] = "7", Customer = "ACME", Item = { "1", "2" }, Note = "" } },
      decode([[<Order id='7'>
        <Customer>ACME</Customer> <Item>1</Item><Item>2</Item><Note/>
      </Order>]]))
  end)

  it("marks lists, and makes some of single elements on request", function()
    local data = decode "<a><i>1</i><i>2</i></a>"
    assert.is_true(json.is_array(data.a.i))
    data = decode("<a><i>1</i><j/></a>", { lists = { "i" } })
    assert.same({ a = { i = { "1" }, j = "" } }, data)
    assert.is_true(json.is_array(data.a.i))
  end)

  it("keeps mixed content in order", function()
    assert.same({ p = { ["@k"] = "v", ["#mixed"] = {
      "Hello ", { b = { ["#mixed"] = { "big ", { i = "x" } } } }, " ", { b = "" }, " there",
    } } }, decode "<p k='v'>Hello <b>big <i>x</i></b> <b/> there</p>")
  end)

  it("joins text around comments, instructions and CDATA sections", function()
    assert.same({ a = "one two <&> three" },
      decode "<a>one <!-- no -->two <![CDATA[<&]]>&gt;<?x y?> three</a>")
    assert.same({ a = { b = "1" } }, decode "<!-- c --><a><!-- c --><b>1</b></a><?end?>")
    assert.same({ a = "&<>\"'\r\n€" }, decode "<a>&amp;&lt;&gt;&quot;&apos;&#13;\r\n&#x20ac;</a>")
  end)

  it("remembers the order of elements", function()
    assert.same({ "z", "b", "y" }, xml.order(decode("<a><z/><b/><b/><y/></a>").a))
    assert.same({ "z", "b", "z", "b" }, xml.order(decode("<a><z/><b/><z/><b/></a>").a))
    assert.is_nil(xml.order(decode("<a><z/><z/></a>").a))
  end)

  it("gives names as they are written, local, or with prefixes of one's own", function()
    local text = [[<o:a xmlns:o="urn:o" xmlns="urn:d" o:k="v" xml:lang="de"><b/><o:c/></o:a>]]
    assert.same({ ["o:a"] = { ["@xmlns"] = "urn:d", ["@xmlns:o"] = "urn:o", ["@o:k"] = "v",
      ["@xml:lang"] = "de", b = "", ["o:c"] = "" } }, decode(text))
    assert.same({ a = { ["@k"] = "v", ["@xml:lang"] = "de", b = "", c = "" } },
      decode(text, { namespaces = false }))
    assert.same({ ["x:a"] = { ["@x:k"] = "v", ["@xml:lang"] = "de", b = "", ["x:c"] = "" } },
      decode(text, { namespaces = { x = "urn:o", [""] = "urn:d" } }))
    assert.same({ a = { ["@{urn:o}k"] = "v", ["@xml:lang"] = "de", ["{urn:d}b"] = "", c = "" } },
      decode(text, { namespaces = { [""] = "urn:o" } }))
    assert.same({ a = { ["{}b"] = "" } },
      decode("<a xmlns='urn:a'><b xmlns=''/></a>", { namespaces = { [""] = "urn:a" } }))
  end)

  it("refuses attributes that only their namespaces tell apart when those are dropped", function()
    local text = [[<a xmlns:x="urn:x" x:k="1" k="2"/>]]
    assert.same("1", decode(text).a["@x:k"])
    refused(text, { namespaces = false })
  end)

  it("refuses what is not well-formed, with line and column", function()
    for _, text in ipairs {
      "", "  ", "x", "<a>", "<a></b>", "<a/><b/>", "<a/>x", "<a b=1/>", "<a b='1' b='2'/>",
      "<a>&x;</a>", "<a>\0</a>", "<a>\1</a>", "<a>\255</a>", "<a>\xed\xa0\x80</a>", "<a>]]></a>",
      "<p:a/>",
      "<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>", "<a><!-- -- --></a>", "<1/>", "<a>&#0;</a>",
    } do refused(text) end
    assert.matches("line 3, column 3", refused "<a>\n<b>\n</a>")
  end)

  it("refuses declarations of entities and of defaults, and loads nothing", function()
    local lols = { '<!ENTITY l0 "lol">' }
    for i = 1, 9 do
      lols[#lols + 1] = ('<!ENTITY l%d "%s">'):format(i, ("&l" .. i - 1 .. ";"):rep(10))
    end
    refused("<!DOCTYPE a [" .. table.concat(lols) .. "]><a>&l9;</a>")
    refused '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
    refused '<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]><a/>'
    refused '<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>'
    refused '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a>&x;</a>'
    refused '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a b="&x;"/>'
    refused '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a b="&amp;&amp;x&#38;&x;"/>'
    assert.same({ a = { ["@b"] = "&<&" } },
      decode '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a b="&amp;&lt;&#38;"/>')
    assert.same({ a = "" }, decode "<!DOCTYPE a [<!ELEMENT a ANY>]><a/>")
  end)

  it("has limits", function()
    local function nested(n) return ("<a>"):rep(n) .. ("</a>"):rep(n) end
    assert.truthy(decode(nested(128)))
    refused(nested(129))
    assert.truthy(decode(nested(1000), { depth = 1000 }))
    refused(nested(1001), { depth = 1000 })
    assert.truthy(decode("<a b='1' c='2'/>", { max_attributes = 2 }))
    refused("<a b='1' c='2'/>", { max_attributes = 1 })
    assert.truthy(decode("<a b='123'>123</a>", { max_text = 3 }))
    refused("<a b='1234'/>", { max_text = 3 })
    refused("<a>12<!-- -->34</a>", { max_text = 3 })
    refused("<a><b/><c/></a>", { max_record = 10 })
    assert.truthy(decode("<a>" .. ("<b/>"):rep(2000) .. "</a>", { max_record = 9000 }))
    refused("<a>" .. ("<b/>"):rep(2000) .. "</a>", { max_record = 8000 })
    refused("<" .. ("a"):rep(600) .. "/>")
    for n = 500, 520 do
      local declared = decode(("<a xmlns:%s='u'/>"):format(("p"):rep(n)))
      assert.equal(n <= 506, declared ~= nil)
      assert.equal(n <= 512, decode(("<a %s='u'/>"):format(("p"):rep(n))) ~= nil)
    end
    assert.truthy(decode("<a>" .. ("<b/>"):rep(2000) .. "</a>", { max_record = 8007 }))
    local value = "x"
    for _ = 1, 1000 do value = { a = value } end
    assert.truthy(xml.encode(value, { depth = 1000 }))
    assert.is_nil((xml.encode({ a = value }, { depth = 1000 })))
  end)

  it("refuses what is no name in any encoding", function()
    for _, text in ipairs { "\xff\xfe<\0a\0\xb5\0/\0>\0", "<a\xc2\xb5/>",
      '<?xml version="1.0" encoding="ISO-8859-1"?><a\xba/>' } do
      local value, err = decode(text)
      assert.is_nil(value)
      assert.equal("transform.invalid", err.code)
    end
  end)

  it("knows the encodings of one byte, UTF-8 and UTF-16", function()
    local function declared(name, text)
      return ("<?xml version='1.0' encoding='%s'?><a>%s</a>"):format(name, text)
    end
    assert.same({ a = "ä" }, decode(declared("ISO-8859-1", "\xe4")))
    assert.same({ a = "€" }, decode(declared("windows-1252", "\x80")))
    assert.same({ a = "€" }, decode(declared("ISO-8859-15", "\xa4")))
    assert.same({ a = "ж" }, decode(declared("KOI8-R", "\xd6")))
    assert.same({ a = "ä" }, decode("\xff\xfe" .. ("<a>\xe4</a>"):gsub(".", "%0\0")))
    assert.same({ a = "ä" }, decode("\xef\xbb\xbf<a>ä</a>"))
    assert.same({ a = "ä" }, decode("<a>\xe4</a>", { encoding = "ISO-8859-1" }))
    refused(declared("UTF-7", "x"))
    refused(declared("Shift_JIS", "\x83\x41"))
    refused(declared("no-such", "x"))
    refused(declared("../../x", "x"))
  end)

  it("raises for wrong options", function()
    assert.error_matches(function() decode("<a/>", { list = {} }) end, "did you mean 'lists'")
    assert.error_matches(function() decode("<a/>", { each = "/a" }) end, "'each'")
    assert.error_matches(function() decode("<a/>", { lists = { 1 } }) end, "'lists'")
    assert.error_matches(function() decode("<a/>", { namespaces = true }) end, "'namespaces'")
    local prefixes = { namespaces = { ["a b"] = "u" } }
    assert.error_matches(function() decode("<a/>", prefixes) end, "prefix")
    assert.error_matches(function() decode("<a/>", { depth = 0 }) end, "'depth'")
    assert.error(function() decode(1) end)
  end)
end)

describe("xml.reader", function()
  local orders = [[<?xml version="1.0"?>
<Orders><Head><Order>no</Order></Head>
 <Order id="1"><Sku>A</Sku></Order>
 text <Order><Sku>B</Sku><Order>inner</Order></Order>
 <Order/></Orders>]]

  it("gives each element of a path, whatever the pieces", function()
    for _, n in ipairs { 1, 2, 3, 7, 64, 1000 } do
      local found, err = read(orders, n, { each = "/Orders/Order" })
      assert.is_nil(err)
      assert.same({
        { { ["@id"] = "1", Sku = "A" }, 3 }, { { Sku = "B", Order = "inner" }, 4 }, { "", 5 },
      }, found)
    end
  end)

  it("takes * for any name and then says which", function()
    assert.same({ { { b = "1" }, 1 }, { { c = "2" }, 1 } },
      (read("<a><b>1</b><c>2</c></a>", 5, { each = "/a/*" })))
    assert.same({ { "1", 1 }, { "3", 1 } },
      (read("<a><x><b>1</b></x><b>2</b><y><b>3</b></y></a>", 5, { each = "/*/*/b" })))
    assert.same({ { { a = "" }, 1 } }, (read("<a/>", 5)))
  end)

  it("matches names as they are given", function()
    local text = "<p:a xmlns:p='urn:x/y'><p:b>1</p:b></p:a>"
    assert.same({ { "1", 1 } }, (read(text, 5, { each = "/p:a/p:b" })))
    assert.same({ { "1", 1 } }, (read(text, 5, { each = "/a/b", namespaces = false })))
    assert.same({ { "1", 1 } },
      (read(text, 5, { each = "/q:a/q:b", namespaces = { q = "urn:x/y" } })))
    assert.same({ { "1", 1 } },
      (read(text, 5, { each = "/{urn:x/y}a/{urn:x/y}b", namespaces = {} })))
    assert.same({}, (read(text, 5, { each = "/a/b" })))
  end)

  it("leaves out a record that breaks a limit, and goes on", function()
    local text = "<a>\n<r>ok</r>\n<r>too long</r>\n<r><d><d/></d></r>\n<r x='1' y='2'/>\n" ..
      "<r>ok</r>\n</a>"
    for _, n in ipairs { 1, 5, 1000 } do
      local found, err = read(text, n,
        { each = "/a/r", max_text = 5, depth = 3, max_attributes = 1 })
      assert.is_nil(err)
      assert.same({ { "ok", 2 }, { false, 3, "transform.invalid" },
        { false, 4, "transform.invalid" }, { false, 5, "transform.invalid" }, { "ok", 6 } }, found)
    end
  end)

  it("gives what was complete before the document breaks", function()
    for _, n in ipairs { 1, 5, 1000 } do
      local found, err = read("<a><r>1</r><r>2</r><r>3</x></a>", n, { each = "/a/r" })
      assert.equal("transform.invalid", err)
      assert.same({ { "1", 1 }, { "2", 1 } }, found)
    end
  end)

  it("raises for a wrong path and when it is fed after its end", function()
    for _, path in ipairs { "", "a", "/", "//a", "/a/", "/a//b", ("/a"):rep(33) } do
      assert.error_matches(function() xml.reader { each = path } end, "path")
    end
    local reader = xml.reader()
    reader:feed "<a/>"
    local data = reader:next() -- here, or when the end is known
    reader:finish()
    assert.error_matches(function() reader:feed "x" end, "has ended")
    assert.error_matches(function() reader:finish() end, "has ended")
    assert.same({ a = "" }, data or (reader:next()))
    assert.is_nil(reader:next())
    reader = xml.reader()
    reader:feed "<a><b/>"
    assert.error_matches(function() reader:feed "</a>" end, "until it returns nil")
    reader = xml.reader()
    reader:feed "<"
    reader:next()
    reader:feed ">"
    assert.equal("transform.invalid", select(2, reader:next()).code)
    assert.equal("transform.invalid", select(2, reader:next()).code)
    assert.error_matches(function() reader:feed "<" end, "has ended")
  end)
end)

describe("xml.encode", function()
  it("writes what was read as it was read", function()
    for _, text in ipairs {
      "<a/>", "<a> x </a>", '<a x="1"/>', '<a x="1" y="2">t</a>', "<a><z/><b>1</b><b>2</b><y/></a>",
      "<a><z>1</z><b>1</b><z>2</z><z>3</z><b>2</b><c/></a>", "<p>a <b>b <i>c</i> </b><b/> d</p>",
      '<p k="v">a<b/></p>', '<o:a o:k="v" xmlns="urn:d" xmlns:o="urn:o"><b xmlns=""/><o:c/></o:a>',
      '<a x="&amp;&lt;&gt;&quot;\'&#9;&#10;&#13;">&amp;&lt;&gt;"\'\t\n&#13;</a>', "<ä>€😀</ä>",
    } do
      assert.equal(text, encode(decode(text)))
    end
  end)

  it("starts with the declaration, unless it shall not", function()
    assert.equal(DECLARATION .. "<a/>", xml.encode { a = "" })
    assert.equal("<a/>", xml.encode({ a = "" }, { declaration = false }))
  end)

  it("writes numbers exactly, booleans, and null as an option says", function()
    assert.equal("<a><b>1</b><b>2.5</b><b>0.1</b><b>true</b></a>",
      encode { a = { b = { 1, 2.5, 0.1, true } } })
    assert.equal("<a>9007199254740993</a>", encode { a = 9007199254740993 })
    assert.equal('<a><c>1</c></a>', encode { a = { b = json.null, c = 1, ["@d"] = json.null } })
    local empty = { null = "empty" }
    assert.equal('<a><b/><c>1</c></a>', encode({ a = { b = json.null, c = 1 } }, empty))
    assert.equal('<a><b/><b>1</b></a>', encode({ a = { b = { json.null, 1 } } }, empty))
    assert.equal("<a/>", encode { a = json.null })
    assert.equal("<a/>", encode { a = { b = json.array {} } })
    assert.equal("<a/>", encode { a = {} })
  end)

  it("takes the root, and the items of a list, from options", function()
    assert.equal("<o><id>1</id></o>", encode({ id = 1 }, { root = "o" }))
    assert.equal("<o>x</o>", encode("x", { root = "o" }))
    assert.equal("<o><i>1</i><i><b>2</b></i></o>",
      encode({ 1, { b = 2 } }, { root = "o", item = "i" }))
    assert.equal("<o/>", encode(json.array {}, { root = "o", item = "i" }))
    unencodable({ 1, 2 }, { root = "o" })
  end)

  it("orders elements by the option, then as read, then by name", function()
    local data = { id = 1, item = { { qty = 1, sku = "a" } }, note = "x", b = 2 }
    assert.equal("<o><b>2</b><id>1</id><item><qty>1</qty><sku>a</sku></item><note>x</note></o>",
      encode(data, { root = "o" }))
    assert.equal("<o><note>x</note><item><sku>a</sku><qty>1</qty></item><b>2</b><id>1</id></o>",
      encode(data, { root = "o", order = { "note", "no", "item", item = { "sku" } } }))
    local read_data = decode "<o><z/><y/><x/></o>"
    read_data.o.a, read_data.o.y = "new", nil
    assert.equal("<o><z/><x/><a>new</a></o>", encode(read_data))
    assert.equal("<o><x/><z/><a>new</a></o>", encode(read_data, { order = { "x", "z" } }))
    assert.equal("<o><b>1</b><a>1</a><b>2</b><b>3</b></o>",
      encode { o = xml.order({ a = 1, b = { 1, 2, 3 } }, { "b", "a", "b" }) })
  end)

  it("declares namespaces at the root and gives names their prefixes", function()
    local options = { root = "{urn:o}a", namespaces = { o = "urn:o", [""] = "urn:d" } }
    assert.equal('<o:a xmlns="urn:d" xmlns:o="urn:o" o:k="1"><o:c/><b/></o:a>',
      encode({ ["@{urn:o}k"] = 1, ["{urn:d}b"] = "", ["o:c"] = "" }, options))
    unencodable({ ["{urn:x}b"] = 1 }, options)
    unencodable({ ["@{urn:d}b"] = 1 }, options)
    unencodable({ ["{}b"] = 1 }, options)
    assert.equal("<b/>", encode { ["{}b"] = "" })
    assert.matches("namespaces", unencodable { ["p:a"] = "" })
    unencodable { a = { ["@p:b"] = "" } }
    unencodable { a = { { b = { ["@xmlns:p"] = "u" } }, ["p:c"] = "" } }
  end)

  it("is pretty where no white space counts", function()
    assert.equal("<a>\n  <b>1</b>\n  <c>x<d>\n</d></c>\n  <e/>\n</a>",
      encode({ a = { b = 1, c = { ["#mixed"] = { "x", { d = "\n" } } }, e = "" } },
        { pretty = true }))
    assert.equal("<a/>", encode({ a = "" }, { pretty = true }))
  end)

  it("refuses what XML cannot hold, and says where", function()
    assert.matches("/a/b%[2%]/c", unencodable { a = { b = { 1, { c = "\1" } } } })
    for _, value in ipairs {
      "x", 1, {}, { a = 1, b = 2 }, { 1 }, { a = { 1, 2 } }, { a = { b = { { 1 } } } },
      { a = { 1, b = 2 } }, { a = { b = { 1, nil, 3 } } }, { a = { [true] = 1 } },
      { a = { b = print } }, { a = 1 / 0 }, { a = "\255" }, { a = "\0" }, { a = "\xef\xbf\xbf" },
      { ["a b"] = 1 }, { ["1"] = 1 }, { [""] = 1 }, { ["a:b:c"] = 1 }, { a = { ["@"] = 1 } },
      { a = { ["@b c"] = 1 } }, { a = { ["@b"] = {} } }, { a = { ["#x"] = 1 } },
      { a = { ["#text"] = "x", b = 1 } }, { a = { ["#text"] = {} } }, { a = { ["#mixed"] = "x" } },
      { a = { ["#mixed"] = { {} } } }, { a = { ["#mixed"] = { { b = 1, c = 1 } } } },
      { a = { ["#mixed"] = { { 1 } } } }, { a = { ["#mixed"] = {}, ["#text"] = "" } },
    } do unencodable(value) end
    local loop = {}
    loop.a = loop
    unencodable(loop)
  end)

  it("raises for wrong options", function()
    assert.error_matches(function() xml.encode({}, { rot = "a" }) end, "did you mean 'root'")
    assert.error_matches(function() xml.encode({ a = "" }, { order = "a" }) end, "'order'")
    assert.error_matches(function() xml.encode({ a = {} }, { order = { 1 } }) end, "order")
    assert.error_matches(function() xml.encode({}, { namespaces = { 1 } }) end, "'namespaces'")
    assert.error_matches(function() xml.encode({ a = "" }, { null = "nil" }) end, "'null'")
  end)
end)

describe("xml.escape", function()
  it("escapes for content and for attributes", function()
    assert.equal("a &amp; b &lt; &gt; &quot;'", xml.escape "a & b < > \"'")
    assert.equal("", xml.escape "")
    assert.equal("transform.invalid", select(2, xml.escape "\0").code)
    assert.equal("transform.invalid", select(2, xml.escape "\255").code)
  end)
end)

describe("xml.order", function()
  it("raises for tables with a metatable and for lists of others than names", function()
    assert.error(function() xml.order(setmetatable({}, {}), { "a" }) end)
    assert.error(function() xml.order({}, { 1 }) end)
    local element = decode("<a><z/><b/></a>").a
    assert.same({ "b" }, xml.order(xml.order(element, { "b" })))
  end)
end)
