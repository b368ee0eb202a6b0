---@meta _

--- Tests of a script, next to its senders.
---
--- `iflow test SCRIPT` runs them, `iflow run` ignores them. Each test has a fresh copy of the
--- script, an empty sandbox tenant that all its senders go to, and a clock on which waits of
--- retries, rates and pauses cost no time.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.sender "orders" { to = "/http/orders" }
---
--- iflow.test("an order arrives", function(t)
---   local flow = t:flow { address = "/orders" }
---   assert(iflow.sender "orders":send "4711")
---   t:equal("4711", flow.received[1].body)
--- end)
--- ```

---@class iflow
local iflow = {}

--- A test.
---@param name string What it shows
---@param fn fun(t: iflow.test) Raises to fail
function iflow.test(name, fn) end

--- What arrived at a flow.
---@class iflow.test.received
--- The body.
---@field body string
--- Header fields, names in lower case.
---@field headers table<string, string>
--- The query, as it was sent.
---@field query? string
--- HTTP method.
---@field method string

--- A flow of a test.
---@class iflow.test.flow
--- Its name.
---@field name string
--- What arrived, in its order.
---@field received iflow.test.received[]

--- The clock of a test.
---@class iflow.test.clock
local clock = {}

--- Lets time pass for retries, rates and pauses.
---@param time iflow.duration
function clock:advance(time) end

--- Seconds by this clock since the test began.
---@return number seconds
function clock:elapsed() end

--- What a test gets.
---@class iflow.test
--- The tenant.
---@field sandbox iflow.sandbox
--- The clock.
---@field clock iflow.test.clock
--- A directory of the test.
---@field dir string
local t = {}

--- Deploys a flow; `process` may be left out: 200 without a body. Raises what is wrong with it.
---@param definition iflow.sandbox.flow
---@return iflow.test.flow flow
function t:flow(definition) end

--- Turns a fault on, such as "runtime:503@first=3" (see `iflow sandbox fault --help`).
---@param text string
---@return iflow.sandbox.fault fault
function t:fault(text) end

--- Writes a file in the directory of the test.
---@param name string
---@param text string
---@return string path
function t:file(name, text) end

--- Waits until what was enqueued has ended, however long its retries take.
---@return iflow.outbox.counts counts
function t:drained() end

--- Compares values, tables by content.
---@param expected any
---@param got any
---@param what? string Said when they differ
function t:equal(expected, got, what) end

--- Compares a text with a Lua pattern.
---@param pattern string
---@param text any
---@param what? string Said when it does not match
function t:matches(pattern, text, what) end

--- Fails when a value is nil or false.
---@param value any
---@param what? string Said then
function t:ok(value, what) end
