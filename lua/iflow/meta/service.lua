---@meta _

--- The service: senders with their outbox, in a program of one's own.
---
--- `iflow serve` runs one; another program may, too.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.sender "orders" { service_key = "orders-key.json", to = "/http/orders" }
--- iflow.run(function()
---   local service <close> = assert(iflow.service.new { outbox = "orders.db" })
---   assert(service:start())
---   local result = assert(iflow.sender "orders":enqueue { order = "4711" })
---   local answer, err = service:wait("orders", result.id, 30)
---   print(answer and answer.message_id or err)
---   service:stop(10)
--- end)
--- ```

--- Options of `iflow.service.new`.
---@class iflow.service.options
--- Path of the outbox, or an open one, which stays open when the service stops. Needed.
---@field outbox string|iflow.outbox
--- More options of `iflow.outbox.open`. Default: `{}`.
---@field outbox_options? iflow.outbox.options
--- What a script has defined; what was defined last when it is not given.
---@field registry? table

--- Makes services.
---@class iflow.service.module
local module = {}

--- Opens one; `sender:enqueue` finds it from now on. Errors: `outbox.*`.
---@param options iflow.service.options
---@return iflow.service? service
---@return iflow.error? err
function module.new(options) end

--- How a service is.
---@class iflow.service.status
--- Messages can be delivered.
---@field ready boolean
--- What keeps it from that.
---@field why string[]
--- By name: in_flight, waiting, confirming, and paused, the reason.
---@field senders table<string, table>
--- Each with kind and name, and what it tells.
---@field triggers table[]
--- Of senders and relays: owner, name, kind, path, subject, not_after …
---@field credentials table[]
--- Its counts, nil when it is stopped.
---@field outbox? iflow.outbox.counts
--- How the last reload went: ok, at, error.
---@field reload? table

--- Senders with their outbox. A `<close>` variable stops it.
---@class iflow.service
--- Its outbox.
---@field box iflow.outbox
local service = {}

--- Starts everything: senders, jobs, triggers; waits. Errors: `usage.invalid`, and those of the
--- credentials.
---@return true? started
---@return iflow.error? err
function service:start() end

--- Starts delivering, and nothing else.
---@return true started
function service:start_pumps() end

--- Stops it: nothing new is taken, what is under way may end.
---@param grace? iflow.duration How long it may. Default: `30`.
---@return true stopped
function service:stop(grace) end

--- Waits until nothing is ready, under way or due within a minute.
---@param limit? iflow.duration How long at most. Default: `300`.
---@return boolean drained false when the time is over
---@return iflow.error? err Why nothing of what is left can be delivered
function service:drain(limit) end

--- A waiter for the end of a message, to be made before it is enqueued.
---@param sender_name string
---@param id string
---@return iflow.service.waiter waiter
function service:expect(sender_name, id) end

--- Waits for the end of a message. `err.outcome` is "rejected", "retryable" or "in_doubt". Errors:
--- `task.timeout`, `call.*`, `message.rejected`.
---@param sender_name string
---@param id string
---@param timeout? iflow.duration How long at most. Default: `60`.
---@return iflow.answer? answer
---@return iflow.error? err
function service:wait(sender_name, id, timeout) end

--- How it is.
---@return iflow.service.status status
function service:status() end

--- Waits for the end of one message. A `<close>` variable ends the waiting.
---@class iflow.service.waiter
local waiter = {}

--- Waits. Errors: `task.timeout`, `call.*`, `message.rejected`.
---@param timeout? iflow.duration How long at most. Default: `60`.
---@return iflow.answer? answer
---@return iflow.error? err
function waiter:wait(timeout) end

--- Waits no more.
function waiter:close() end
