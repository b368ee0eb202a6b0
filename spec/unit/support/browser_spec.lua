-- The browser of other specs, before pages of this spec's own: it must see what is wrong with them.
local async = require "spec.support.async"
local chromium = require "spec.support.browser"
local core = require "iflow.core"
local process = require "spec.support.process"

local PAGE = [[<!doctype html><title>Page</title><link rel="icon" href="data:,">
<style>@media (prefers-color-scheme: dark) { p { color: rgb(1, 2, 3) } }</style>
<meta name="viewport" content="width=device-width">
<form action="/sent" method="post"><textarea name="body">old</textarea><button>Send</button></form>
<p id="first" data-x="1">text</p><p>second</p>
<noscript><b>without</b></noscript>
]]

-- Answers every request: pages by path, what was posted, else the page above.
local function serve(pages)
  local server = assert(core.server.new { request = function(req)
    local body, status = req:body(), 200
    local headers = { ["Content-Type"] = "text/html; charset=utf-8" }
    local page = pages and pages[req.target]
    if page then headers["Content-Security-Policy"] = page.policy end
    if req.method == "POST" then page = { text = "<p id=sent>" .. body:gsub("<", "&lt;") } end
    if page and page.status then status = page.status end
    return req:answer(status, headers, page and page.text or PAGE)
  end })
  return server, ("http://127.0.0.1:%d"):format(server:port())
end

describe("spec.support.browser #stock", function()
  local browser
  setup(function() browser = chromium.start() end)
  teardown(function() browser:close() end)

  it("opens, finds, reads, types and submits", async(function()
    local _ <close>, url = serve()
    browser:open(url .. "/page")
    assert.same({ url .. "/page", "Page" }, { browser:url(), browser:title() })
    local first = browser:find "#first"
    assert.same({ "text", "1" }, { first:text(), first:attribute "data-x" })
    assert.is_nil(first:attribute "data-y")
    assert.equal(2, #browser:all "p")
    assert.equal(0, #browser:all "table")
    assert.has_error(function() browser:find "table" end)
    browser:find "textarea":type("new\nline")
    assert.equal("new\nline", browser:find "textarea":property "value")
    browser:find "form":submit()
    assert.equal("body=new%0D%0Aline", browser:wait_for("the answer", "#sent"):text())
    assert.same({}, browser:errors())
  end))

  it("runs scripts, and waits for what they do", async(function()
    local _ <close>, url = serve()
    browser:open(url)
    assert.equal(3, browser:run("return arguments[0] + arguments[1]", 1, 2))
    assert.is_nil(browser:run "return null")
    browser:run "setTimeout(() => document.body.append(document.createElement('hr')), 50)"
    assert.is_truthy(browser:wait_for("the line", "hr"))
    assert.equal(1, browser:wait_for("one", function()
      return browser:run "return document.querySelectorAll('hr').length"
    end))
  end))

  it("tells what the console shows, and what breaks the policy", async(function()
    local _ <close>, url = serve {
      ["/script"] = { text = "<link rel=icon href='data:,'><script>alert(1)</script>",
        policy = "default-src 'none'; img-src data:" },
      ["/error"] = {
        text = "<link rel=icon href='data:,'><script>throw new Error('mine')</script>" },
      ["/missing"] = { status = 404, text = "<link rel=icon href='data:,'>" },
    }
    browser:open(url .. "/script")
    assert.equal(1, #browser:violations())
    browser:open(url .. "/error")
    local errors = browser:errors()
    assert.equal(1, #errors)
    assert.is_truthy(errors[1].text:find "mine")
    browser:open(url .. "/missing")
    assert.equal("network", browser:errors()[1].source)
    browser:open(url .. "/fine")
    assert.same({}, browser:errors())
  end))

  it("is wide or narrow, light or dark", async(function()
    local _ <close>, url = serve()
    local color = "return getComputedStyle(document.querySelector('p')).color"
    browser:open(url)
    browser:viewport { width = 375, dark = true }
    assert.equal(375, browser:run "return innerWidth")
    assert.equal("rgb(1, 2, 3)", browser:run(color))
    browser:viewport {}
    assert.equal(1280, browser:run "return innerWidth")
    assert.equal("rgb(0, 0, 0)", browser:run(color))
  end))

  it("runs no script of a page when that is asked for", async(function()
    local _ <close>, url = serve { ["/script"] = {
      text = "<p>before</p><script>document.querySelector('p').textContent = 'after'</script>" } }
    browser:viewport { javascript = false }
    browser:open(url .. "/script")
    assert.equal("before", browser:find "p":text())
    browser:open(url .. "/page")
    assert.equal("without", browser:find "noscript b":text())
    browser:find "form":submit()
    assert.equal("body=old", browser:wait_for("the answer", "#sent"):text())
    browser:viewport {}
    browser:open(url .. "/script")
    assert.equal("after", browser:find "p":text())
  end))

  it("keeps pictures of whole pages", async(function()
    local dir <close> = process.tempdir()
    local _ <close>, url = serve()
    browser:open(url)
    browser:run "document.body.style.height = '3000px'"
    local file = browser:screenshot("page", dir.path)
    local width, height = (">I4I4"):unpack(process.read(file), 17)
    assert.equal(1280, width)
    assert.is_true(height >= 3000)
  end))

  it("leaves no process and no file", function()
    local second = chromium.start()
    local dir, driver = second.dir.path, second.driver.pid
    second:close()
    second:close()
    assert.is_nil(process.read(dir .. "/profile/Local State"))
    process.wait_for("the end of its processes", function()
      return process.run({ "pgrep", "-r", "R,S,D", "-g", tostring(driver) }).code == 1
        and process.run({ "pgrep", "-r", "R,S,D", "-f", "[/]" .. dir:sub(2) }).code == 1
    end)
    assert.equal(1, process.run({ "test", "-e", dir }).code)
  end)
end)
