-- browser.lua -- headless Chromium for specs of pages: W3C WebDriver, spoken over iflow's own http
-- client to Debian's chromedriver (packages chromium, chromium-driver). Everything the browser
-- writes is in one temporary directory; the directory and the processes go with close(), with the
-- scope, or with the collector. Inside a task or outside of one.
--   local browser <close> = chromium.start()
--   browser:open(url)                             browser:url(), browser:title()
--   browser:find "form input"                     -- element; raises when there is none
--   browser:all "tr"                              -- elements, maybe none
--   browser:wait_for("the row", "tr.new")         -- an element, once it is there; or
--   browser:wait_for("the end", function() … end) -- what the function returns, once it is true
--   element:text(), :attribute(name), :property(name), :click(), :type(text) (replaces), :submit()
--   browser:run("return arguments[0] + 1", 1)     -- JavaScript in the page; what it returns
--   browser:viewport { width = 375, dark = true, javascript = false }   -- how it is set up
--   browser:errors()        -- what the console has shown since the last question: {text, source}
--   browser:violations()    -- those of them that break the Content-Security-Policy
--   browser:screenshot "name"     -- the whole page, DIR/name.png when IFLOW_SCREENSHOTS=DIR
local core = require "iflow.core"
local process = require "spec.support.process"

local chromium = {}

local ELEMENT = "element-6066-11e4-a52e-4f735466cecf" -- the key of an element, by W3C's WebDriver
local ANSWER_MAX = 64 * 1024 * 1024                   -- bytes: the screenshot of a long page

-- --no-sandbox: the browser's own sandbox wants user namespaces, which root in a container has not.
-- It sees nothing but the pages of the spec.
local ARGUMENTS = {
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
  "--disable-breakpad", "--disable-crash-reporter", "--disable-extensions", "--disable-sync",
  "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
  "--force-color-profile=srgb", "--hide-scrollbars", "--window-size=1280,900",
}

local class, element = {}, {}
class.__index, element.__index = class, element

-- The wire ---------------------------------------------------------------------------------------

local function request(self, method, path, body)
  local answer = assert(core.http.request {
    url = self.driver_url .. path, method = method, proxy = "", max_body = ANSWER_MAX,
    headers = body and { ["Content-Type"] = "application/json" } or nil,
    body = body and assert(core.json.encode(body)) or nil,
  })
  local value = assert(core.json.decode(answer.body)).value
  if answer.status ~= 200 then
    error(("%s %s: %s: %s"):format(method, path, value.error, value.message:match "^[^\n]*"), 0)
  end
  return value
end

local function ask(self, ...)
  if core.task.current() then return request(self, ...) end
  local arguments = table.pack(...)
  return core.task.run(function()
    return request(self, table.unpack(arguments, 1, arguments.n))
  end)
end

-- A command of the session.
local function command(self, method, path, body)
  return ask(self, method, self.path .. path, body)
end

-- A command of Chromium's own protocol.
local function devtools(self, name, parameters)
  return command(self, "POST", "/goog/cdp/execute", { cmd = name, params = parameters })
end

-- Start and end ----------------------------------------------------------------------------------

local function start_driver(dir)
  local driver = process.start { "chromedriver", "--port=0", "--log-level=WARNING",
    env = { HOME = dir.path, TMPDIR = dir.path, XDG_CACHE_HOME = dir:file "cache",
            XDG_CONFIG_HOME = dir:file "config", XDG_RUNTIME_DIR = dir.path } }
  local port = process.wait_for("chromedriver", function()
    if not driver:alive() then error("chromedriver ended: " .. driver:output(), 0) end
    return driver:output():match "started successfully on port (%d+)"
  end)
  return driver, "http://127.0.0.1:" .. port
end

local function capabilities(dir)
  local arguments = table.move(ARGUMENTS, 1, #ARGUMENTS, 1, {})
  arguments[#arguments + 1] = "--user-data-dir=" .. dir:file "profile"
  return { alwaysMatch = {
    browserName = "chrome",
    ["goog:loggingPrefs"] = { browser = "ALL" },
    ["goog:chromeOptions"] = { args = arguments },
  } }
end

--- Starts one. Raises when Chromium or chromedriver is missing or does not start.
function chromium.start()
  local dir = process.tempdir()
  local self = setmetatable({ dir = dir }, class)
  self.driver, self.driver_url = start_driver(dir)
  local session = ask(self, "POST", "/session", { capabilities = capabilities(dir) })
  self.path = "/session/" .. session.sessionId
  return self
end

--- Ends the browser and removes all it wrote; may be repeated.
function class:close()
  if self.closed then return end
  self.closed = true
  if self.path and self.driver:alive() then pcall(command, self, "DELETE", "") end
  self.driver:stop()
  self.dir:close()
end
class.__close = class.close
class.__gc = function(self) -- no request here: a finalizer may not wait
  if self.closed or not self.driver then return end
  self.driver:stop()
  self.dir:close()
end

-- Pages ------------------------------------------------------------------------------------------

--- Opens the address and waits until the page has loaded.
function class:open(url) command(self, "POST", "/url", { url = url }) end

function class:url() return command(self, "GET", "/url") end
function class:title() return command(self, "GET", "/title") end

local function wrap(self, value)
  return setmetatable({ browser = self, id = value[ELEMENT] }, element)
end

--- The first element of the CSS selector; raises when there is none.
function class:find(selector)
  return wrap(self, command(self, "POST", "/element", { using = "css selector", value = selector }))
end

--- All elements of the CSS selector.
function class:all(selector)
  local list = {}
  local found = command(self, "POST", "/elements", { using = "css selector", value = selector })
  for i, value in ipairs(found) do list[i] = wrap(self, value) end
  return list
end

--- Waits for an element of the CSS selector, or until the function returns a true value: that. A
--- page that is exchanged meanwhile, as a script or a form does it, is looked at again.
function class:wait_for(what, condition)
  local check = condition
  if type(condition) == "string" then
    check = function() return self:all(condition)[1] end
  end
  return process.wait_for(what, function()
    local ok, value = pcall(check)
    if ok then return value end
    local text = tostring(value)
    if not (text:find "stale element" or text:find "no such element") then error(value, 0) end
  end)
end

--- Waits for the page of that name, which is `data-page` of its body.
function class:wait_for_page(name)
  self:wait_for("the page " .. name, ("body[data-page=%s]"):format(name))
end

--- Runs the body of a JavaScript function in the page, with the arguments: what it returns.
function class:run(script, ...)
  local value = command(self, "POST", "/execute/sync",
    { script = script, args = core.json.array { ... } })
  if value == core.json.null then return nil end
  return value
end

--- Loads the page again.
function class:refresh() command(self, "POST", "/refresh", {}) end

-- Elements ---------------------------------------------------------------------------------------

local function of_element(self, method, path, body)
  local value = command(self.browser, method, ("/element/%s%s"):format(self.id, path), body)
  if value == core.json.null then return nil end
  return value
end

--- The text as it is shown.
function element:text() return of_element(self, "GET", "/text") end
--- An attribute of the markup, nil when it has none of that name.
function element:attribute(name) return of_element(self, "GET", "/attribute/" .. name) end
--- A property of the live element, such as "value".
function element:property(name) return of_element(self, "GET", "/property/" .. name) end
--- Clicks it and waits for the page that this opens.
function element:click() of_element(self, "POST", "/click", {}) end
--- Writes the text into the field, in place of what stands there.
function element:type(text)
  of_element(self, "POST", "/clear", {})
  of_element(self, "POST", "/value", { text = text })
end
--- The first element below it; raises when there is none.
function element:find(selector)
  return wrap(self.browser, of_element(self, "POST", "/element",
    { using = "css selector", value = selector }))
end
--- Sends the form that it is, by a click on its first button.
function element:submit() self:find("button, input[type=submit]"):click() end

-- How it looks -----------------------------------------------------------------------------------

--- width, height in CSS pixels (1280, 900; 600 wide or less: a phone); dark: what the user prefers;
--- javascript = false: pages opened from now on run no script (run still does).
function class:viewport(view)
  local width, height = view.width or 1280, view.height or 900
  devtools(self, "Emulation.setDeviceMetricsOverride",
    { width = width, height = height, deviceScaleFactor = 1, mobile = width <= 600 })
  devtools(self, "Emulation.setEmulatedMedia", { features = core.json.array {
    { name = "prefers-color-scheme", value = view.dark and "dark" or "light" } } })
  devtools(self, "Emulation.setScriptExecutionDisabled", { value = view.javascript == false })
end

--- Keeps a picture of the whole page as NAME.png in the directory (default: IFLOW_SCREENSHOTS): its
--- path; does nothing when there is none.
function class:screenshot(name, directory)
  directory = directory or os.getenv "IFLOW_SCREENSHOTS"
  if not directory then return end
  local size = devtools(self, "Page.getLayoutMetrics", {}).cssContentSize
  local picture = devtools(self, "Page.captureScreenshot", { captureBeyondViewport = true,
    clip = { x = 0, y = 0, width = size.width, height = size.height, scale = 1 } })
  return process.write(("%s/%s.png"):format(directory, name),
    assert(core.crypto.unbase64(picture.data)))
end

-- What went wrong in it --------------------------------------------------------------------------

--- What the console has shown of warnings and errors since the last question: { text =, source =
--- "javascript" | "network" | "security" | … }.
function class:errors()
  local list = {}
  for _, entry in ipairs(command(self, "POST", "/se/log", { type = "browser" })) do
    if entry.level == "SEVERE" or entry.level == "WARNING" then
      list[#list + 1] = { text = entry.message, source = entry.source }
    end
  end
  return list
end

--- Of errors(), those that break the page's Content-Security-Policy.
function class:violations()
  local list = {}
  for _, entry in ipairs(self:errors()) do
    if entry.text:find "Content Security Policy" then list[#list + 1] = entry end
  end
  return list
end

return chromium
