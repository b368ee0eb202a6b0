-- $filter, $orderby and literals of the OData API.
local filter = require "iflow.sandbox.api.filter"
local literal = require "iflow.sandbox.api.literal"
local uri = require "iflow.sandbox.api.uri"

local TYPES = { Name = "Edm.String", Status = "Edm.String", End = "Edm.DateTime",
                Size = "Edm.Int32", Ok = "Edm.Boolean", ["Flow/Id"] = "Edm.String" }
local RECORD = { Name = "O'Hara", Status = "FAILED", End = 1777881600.5, Size = 3, Ok = true,
                 Flow = { Id = "Orders" } }

local function fits(text)
  local of, status, why = filter.parse(text, TYPES)
  assert(of, ("%s: %s %s"):format(text, status, why))
  return of(RECORD)
end

describe("a filter", function()
  it("compares texts, numbers, dates and booleans", function()
    for _, text in ipairs { "Status eq 'FAILED'", "Name eq 'O''Hara'", "Status ne 'x'",
                            "Size gt 2", "Size ge 3", "Size lt 4L", "Size le 3", "Ok eq true", "Ok",
                            "End gt datetime'2026-05-04T08:00:00'",
                            "End eq datetime'2026-05-04T08:00:00.500'",
                            "End lt datetime'2026-05-04T08:01'", "Flow/Id eq 'Orders'",
                            "'FAILED' eq Status" } do
      assert.is_true(fits(text), text)
    end
    for _, text in ipairs { "Status eq 'failed'", "Size gt 3", "not Ok", "Ok eq false",
                            "End gt datetime'2026-05-04T08:00:00.5'" } do
      assert.is_false(fits(text), text)
    end
  end)

  it("knows null: equal to itself, and neither greater nor less than anything", function()
    local of = filter.parse("End eq null", TYPES)
    assert.same({ false, true }, { of(RECORD), of {} })
    of = filter.parse("End gt datetime'2000-01-01T00:00:00'", TYPES)
    assert.same({ true, false }, { of(RECORD), of {} })
  end)

  it("binds not before and before or, and obeys parentheses", function()
    assert.is_true(fits "Ok or Ok and Status eq 'x'")
    assert.is_false(fits "(Ok or Ok) and Status eq 'x'")
    assert.is_true(fits "not Ok or Size eq 3")
    assert.is_false(fits "not (Ok or Size eq 3)")
    assert.is_true(fits " ( ( Size eq 3 ) )and Status eq 'FAILED'")
  end)

  it("has functions of texts", function()
    assert.is_true(fits "startswith(Name,'O')")
    assert.is_true(fits "endswith(Name, 'Hara') eq true")
    assert.is_true(fits "substringof('''H',Name)")
    assert.is_true(fits "tolower(Status) eq 'failed' and toupper('a') eq 'A'")
    assert.is_false(fits "startswith(Name,'%u')")
  end)

  local function status_of(text) return select(2, filter.parse(text, TYPES)) end

  it("is 400 when it is wrong", function()
    for _, text in ipairs {
      "", "Status", "Status eq", "Status eq 'x", "Nothing eq 'x'", "Status eq 'x' and",
      "Status eq 'x' garbage", "(Status eq 'x'", "Status eq 5", "End gt '2026-05-04'",
      "End gt datetime'2026-05-04T08:00:00Z'", "End gt datetime'2026-05-04T08:00:00+02:00'",
      "End gt datetime'2026-13-04T08:00:00'", "guid'1' eq Status", "Size and Ok", "'a'",
      "Ok gt false",
      ("("):rep(1000), ("not "):rep(1000) .. "Ok", ("toupper("):rep(1000),
      "startswith(Size,'a')", "startswith(Name)", "Status = 'x'",
    } do
      assert.equal(400, status_of(text), text)
    end
  end)

  it("is 501 for what OData has and the API does not", function()
    for _, text in ipairs { "length(Name) eq 3", "year(End) eq 2026", "Size add 1 eq 4",
                            "indexof(Name,'a') eq 1" } do
      assert.equal(501, status_of(text), text)
    end
  end)
end)

describe("any text at all", function()
  local PIECES = { "Name", "Status", "End", "Size", "Ok", "Flow/Id", "Nothing", "eq", "ne", "gt",
                   "and", "or", "not", "(", ")", ",", "'a'", "'", "''", "datetime'", "null", "true",
                   "datetime'2026-05-04T08:00:00'", "5", "-1.5d", "startswith", "substringof",
                   "toupper", "desc", "/", "%", "\0", "\xff", "$", " " }

  it("is a filter, an order, a key, or wrong: nothing else happens", function()
    math.randomseed(4711)
    local good = 0
    for _ = 1, 5000 do
      local parts = {}
      for i = 1, math.random(1, 8) do parts[i] = PIECES[math.random(#PIECES)] end
      local text = table.concat(parts, math.random(2) == 1 and " " or "")
      for _, parse in ipairs { filter.parse, filter.order, filter.custom_headers } do
        local found, status, why = parse(text, TYPES)
        if found then
          good = good + 1
          if type(found) == "function" then found(parse == filter.parse and RECORD or {}) end
        else
          assert.is_true((status == 400 or status == 501) and type(why) == "string", text)
        end
      end
      uri.segments("/Set(" .. text .. ")/" .. text)
    end
    assert.is_true(good > 25)
  end)
end)

describe("an order", function()
  it("is a list of properties with their direction", function()
    local order = filter.order("End desc, Flow/Id asc,Size", TYPES)
    assert.equal(3, #order)
    assert.same({ 1777881600.5, "Orders", 3 },
                { order[1].of(RECORD), order[2].of(RECORD), order[3].of(RECORD) })
    assert.same({ true, false, false },
                { order[1].descending, order[2].descending, order[3].descending })
    for _, text in ipairs { "", "Nothing", "End down", "End desc,", "'a'" } do
      assert.equal(400, select(2, filter.order(text, TYPES)), text)
    end
  end)
end)

describe("the filter of custom headers", function()
  it("finds a pair, and what is joined", function()
    local list = { { name = "po_number", value = "12345" }, { name = "plant", value = "x" } }
    local function found(text) return assert(filter.custom_headers(text))(list) end
    assert.is_true(found "'po_number' eq '12345'")
    assert.is_false(found "'po_number' eq 'x'")
    assert.is_true(found "'po_number' eq '12345' and 'plant' eq 'x'")
    assert.is_true(found "'po_number' eq '0' or 'plant' eq 'x'")
    for _, text in ipairs { "po_number eq '12345'", "'a'", "'a' gt 'b'", "'a' eq 5" } do
      assert.equal(400, select(2, filter.custom_headers(text)), text)
    end
  end)
end)

describe("a date literal", function()
  it("is UTC, with and without seconds", function()
    assert.equal(0, literal.seconds "1970-01-01T00:00:00")
    assert.equal(951782400, literal.seconds "2000-02-29T00:00")
    assert.equal(1777881600.123, literal.seconds "2026-05-04T08:00:00.123")
    assert.equal(1790000000, literal.seconds "2026-09-21T14:13:20")
    assert.equal(-1, literal.seconds "1969-12-31T23:59:59")
  end)

  it("is refused with a zone, a wrong part or without time", function()
    for _, text in ipairs { "2026-05-04T08:00:00Z", "2026-05-04T08:00:00+01:00", "2026-05-04",
                            "2026-00-04T08:00:00", "2026-05-32T08:00:00", "2026-05-04T24:00:00",
                            "2026-05-04T08:60:00", "2026-05-04T08:00:60", "" } do
      assert.is_nil(literal.seconds(text), text)
    end
  end)
end)
