local access = require "iflow.service.ui.access"
local async = require "spec.support.async"
local body = require "iflow.service.ui.body"
local form = require "iflow.service.ui.form"
local metrics = require "iflow.service.metrics"
local new_rates = require "iflow.service.ui.rates"
local plot = require "iflow.service.ui.plot"
local template = require "iflow.service.ui.template"

describe("the templates of the page", function()
  it("escape what they show, unless it is HTML of another one", function()
    local page = template "<p title='{{ a }}'>{{ a }}{! b !}{% if c then %}{{ c }}{% end %}</p>"
    assert.equal("<p title='&lt;&amp;&quot;&#39;&gt;'>&lt;&amp;&quot;&#39;&gt;<b></p>",
      page { a = "<&\"'>", b = "<b>" })
  end)

  it("show nothing for nil, '?' for what is no text, and numbers as they are", function()
    assert.equal("|?|0|%d|%", template "{{ x }}|{{ y }}|{{ 0 }}|{{ z }}|%" { y = "\xff",
      z = "%d" })
    assert.equal("a?b\n", template.escape "a\0b\n")
  end)

  it("see nothing of Lua but pairs and ipairs", function()
    assert.error(function() template "{{ os.time() }}" {} end)
    assert.equal("12", template "{% for _, n in ipairs(l) do %}{{ n }}{% end %}" { l = { 1, 2 } })
  end)

  it("raise for a mistake when they are made", function()
    assert.error(function() template "{{ a" end)
    assert.error(function() template "{% if %}" end)
  end)
end)

describe("the forms of the page", function()
  it("are read", function()
    assert.same({ a = "1 &=+", b = "", c = "x\r\ny", ["ü"] = "ü" },
      form.parse "a=1+%26%3D%2B&b=&c=x%0D%0Ay&%C3%BC=%c3%bc&a=2&=3")
    assert.same({}, form.parse "")
    assert.same({ a = "%", b = "%zz" }, form.parse "a=%&b=%zz")
  end)

  it("have a limit of fields", function()
    local parts = {}
    for i = 1, 1000 do parts[i] = "f" .. i .. "=1" end
    local count = 0
    for _ in pairs(form.parse(table.concat(parts, "&"))) do count = count + 1 end
    assert.equal(32, count)
  end)

  it("are written so that they can be read", function()
    local fields = { a = "1 &=+?#/", b = "ü\r\n%\0" }
    assert.same(fields, form.parse(form.query(fields):sub(2)))
    assert.equal("", form.query { a = "" })
  end)
end)

describe("the bodies on the page", function()
  local function shown(text) return body.shown { number = 1, body = text, size = #text } end

  it("can be edited when a form brings them back as they were", function()
    for _, text in ipairs { "", "a", "\na\n", "a\r\nb\r\n", "<ü>\t" } do
      assert.is_true(shown(text).editable)
      assert.equal(text, body.typed({ body = text }, (text:gsub("\r?\n", "\r\n"))))
    end
  end)

  it("cannot be edited else", function()
    for _, text in ipairs { "a\rb", "a\nb\r\n", "\0", "\xff", ("a"):rep(body.EDIT_MAX + 1) } do
      local found = shown(text)
      assert.is_nil(found.editable)
      assert.equal("string", type(found.why))
    end
  end)

  it("show whole characters, and a dump of what is no text", function()
    local text = shown(("ü"):rep(body.EDIT_MAX)).text
    assert.is_truthy(utf8.len(text))
    assert.is_true(shown("\0\1").hex)
  end)
end)

describe("the rates of the page", function()
  it("count what comes, by minute, and nothing of before", async(function()
    local counts = metrics.sender "ui rates"
    counts.accepted = counts.accepted + 7
    local rates = new_rates()
    local _ <close> = setmetatable({}, { __close = function() rates:stop() end })
    metrics.accepted "ui rates"
    metrics.ended("ui rates", "delivered")
    metrics.ended("ui rates", "rejected")
    rates:look()
    rates:look()
    assert.same({ accepted = 1, delivered = 1, failed = 1 }, rates:of("ui rates").hour)
    assert.equal(60, #rates:of("ui rates").delivered)
    rates.senders["ui rates"].minute = rates.senders["ui rates"].minute - 30
    rates:look()
    assert.equal(1, rates:of("ui rates").delivered[30])
    assert.equal(0, rates:of("ui rates").per_minute)
    rates.senders["ui rates"].minute = rates.senders["ui rates"].minute - 500
    rates:look()
    assert.same({ accepted = 0, delivered = 0, failed = 0 }, rates:of("ui rates").hour)
  end))

  it("are drawn", function()
    local series = { delivered = {}, failed = {} }
    for i = 1, 60 do series.delivered[i], series.failed[i] = 0, 0 end
    assert.is_nil(plot.hour(series):find("<rect", 1, true))
    series.delivered[60], series.failed[60] = 1e6, 1
    assert.equal(2, select(2, plot.hour(series):gsub("<rect", "")))
  end)
end)

describe("access to the page", function()
  it("needs the token, then the cookie of this port", function()
    local door = access(8383)
    assert.is_nil(door:sign_in "wrong")
    assert.is_nil(door:sign_in(nil))
    assert.is_nil(door:sign_in "")
    local cookie = assert(door:sign_in(door.token))
    assert.is_truthy(door:who { cookie = "a=b; iflow_8383=" .. cookie .. "; c=d" })
    assert.is_nil(door:who { cookie = "iflow_8384=" .. cookie })
    assert.is_nil(door:who { cookie = "iflow_8383=" .. cookie .. "x" })
    assert.is_nil(door:who {})
    door:sign_out(door:who { cookie = "iflow_8383=" .. cookie })
    assert.is_nil(door:who { cookie = "iflow_8383=" .. cookie })
  end)

  it("forgets the oldest of many sign-ins", function()
    local door = access(1)
    local first = door:sign_in(door.token)
    for _ = 1, 64 do assert(door:sign_in(door.token)) end
    assert.is_nil(door:who { cookie = "iflow_1=" .. first })
  end)
end)
