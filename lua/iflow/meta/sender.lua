---@meta _

--- Senders: what is sent where, and how.
---
--- A sender has a name. It is defined once, by calling it with its options, and used by its name.
---
--- ```lua
--- local iflow = require "iflow"
---
--- iflow.sender "orders" {
---   service_key = "orders-key.json",
---   to          = "/http/orders",
---   transform   = { iflow.transform.csv { header = true }, iflow.transform.to_json {} },
---   retry       = iflow.retry { first = "1s", factor = 2, max = "10m", attempts = 12 },
---   order_by    = function(msg) return msg.data.customer end,
--- }
--- ```
---
--- A function of the message may stand wherever the options say so; it is asked at each attempt.

---@class iflow
local iflow = {}

--- The sender of a name: defined already, or to be defined by calling it with a table.
---@param name string Letters, digits, ".", "_" and "-", 64 at most
---@return iflow.sender sender
function iflow.sender(name) end

--- What a sender sends: a message, a text (the body), an iterator of its pieces, or a table (the
--- data).
---@alias iflow.payload iflow.message|string|table|fun(): string?

--- Pauses an endpoint that fails.
---@class iflow.sender.breaker
--- Share of the last answers that were failures. Default: `0.5`.
---@field share? number
--- How many answers that are. Default: `20`.
---@field window? integer
--- How long the pause is. Default: `"30s"`.
---@field pause? iflow.duration

--- Where the id of a message goes, and where it comes from.
---@class iflow.sender.message_id
--- The header. Default: `"SAP_ApplicationID"`.
---@field header? string
--- The id; without it a UUIDv7, the same on every attempt.
---@field value? fun(message: iflow.message): string

--- What becomes of a message of which nobody knows whether it arrived.
---@class iflow.sender.in_doubt
--- Where the log cannot decide: it stays in doubt, is sent again (perhaps twice), or is rejected.
--- Default: `"hold"`.
---@field policy? "hold"|"repeat"|"reject"
--- Until a log that is not there counts as missing. Default: `"90s"`.
---@field wait? iflow.duration
--- How long a flow that still runs is waited for. Default: `"10m"`.
---@field running? iflow.duration
--- Shortest pause between two looks. Default: `"500ms"`.
---@field first? iflow.duration
--- Longest pause between two looks. Default: `"15s"`.
---@field max? iflow.duration

--- How long a 2xx waits for the log's word.
---@class iflow.sender.confirm
--- After it the message is in doubt. Default: `"10m"`.
---@field timeout? iflow.duration

--- Options of a sender; only `to` is needed.
---@class iflow.sender.options : iflow.connection
--- The address: a path under the service key's url, or a full URL. Needed.
---@field to string|fun(message: iflow.message): string
--- HTTP method. Default: `"POST"`.
---@field method? string|fun(message: iflow.message): string
--- Header fields.
---@field headers? table<string, any>|fun(message: iflow.message): table
--- Query parameters.
---@field query? table<string, any>|fun(message: iflow.message): table
--- How calls are authenticated. Default: `"token"`.
---@field auth? "token"|"certificate"|"basic"|fun(message: iflow.message): string
--- CSRF handshake: nil when the endpoint asks for it, true before the call, false never.
---@field csrf? boolean|fun(message: iflow.message): boolean?
--- Further statuses that count as delivered.
---@field expect? integer[]|fun(message: iflow.message): integer[]
--- Bytes of an answer in memory, at most. Default: `16 * 1024 * 1024`.
---@field max_body? integer|fun(message: iflow.message): integer
--- Until the connection stands, TLS included. Default: `"30s"`.
---@field connect_timeout? iflow.duration|fun(message: iflow.message): iflow.duration
--- Of the whole call, from when it has a connection. Default: `"60s"`.
---@field timeout? iflow.duration|fun(message: iflow.message): iflow.duration
--- Without a byte in either direction. Default: `"60s"`.
---@field stall_timeout? iflow.duration|fun(message: iflow.message): iflow.duration
--- Waiting for a free connection. Default: `"10m"`.
---@field queue_timeout? iflow.duration|fun(message: iflow.message): iflow.duration
--- The flow recognises repeats by the message's id, so what is in doubt may be sent again.
--- Default: `false`.
---@field idempotent? boolean
--- Steps before sending; one alone needs no list. Default: `{}`.
---@field transform? iflow.step|iflow.step[]
--- Whether and when a message is tried again: `iflow.retry`, its options, a name or a function.
--- Default: `"sap"`.
---@field retry? iflow.retry|iflow.retry.options|"sap"|"none"|iflow.retry.ask
--- Pauses the endpoint when it fails too often; false: never. Default: `{}`.
---@field breaker? false|iflow.sender.breaker
--- Messages of the same key go one after the other.
---@field order_by? fun(message: iflow.message): any
--- Calls in flight at once, 1 to 256. Default: `8`.
---@field concurrency? integer
--- Messages a second at most.
---@field rate? number
--- The id of each message; false: none. Default: `{}`.
---@field message_id? false|iflow.sender.message_id|fun(message: iflow.message): string
--- Service key of plan api, or options with one: the message log decides what became of a message
--- when nobody else knows. The flow's channel must allow the header SAP_ApplicationID.
---@field api? string|iflow.tenant.options
--- What happens where the log cannot decide. Default: `"hold"`.
---@field in_doubt? "hold"|"repeat"|"reject"|iflow.sender.in_doubt
--- A 2xx is no delivery until the log says COMPLETED. Needs `api`. Default: `false`.
---@field confirm? boolean|iflow.sender.confirm
--- Told when a message was delivered.
---@field on_delivered? fun(message: iflow.message, answer: iflow.answer)
--- Told when one was rejected, or its retries are used up (`err.outcome` is "retryable").
---@field on_rejected? fun(message: iflow.message, err: iflow.error)
--- Told when nobody knows what became of one.
---@field on_in_doubt? fun(message: iflow.message, err: iflow.error)
--- What becomes of a stored message when a function of it had to be stopped by `iflow serve
--- --script-time` or `--script-memory`: a dead letter; or it stays and the sender pauses.
--- `"reject"` when it is not given.
---@field on_limit? "reject"|"ready"
--- A message that belongs to no trace begins one. Default: `false`.
---@field trace? boolean

--- Options of `sender:send_all`.
---@class iflow.send_all.options
--- Shows a line on a terminal, or logs one each minute elsewhere. Default: `false`.
---@field progress? boolean
--- Told of every end; when it raises, the sending stops and raises that.
---@field each? fun(message: iflow.message, answer?: iflow.answer, err?: iflow.error)

--- What became of many messages; `tostring` gives a line.
---@class iflow.summary
--- Delivered.
---@field delivered integer
--- Rejected.
---@field rejected integer
--- Of which nobody knows.
---@field in_doubt integer
--- Left to retry: their retries are used up.
---@field retryable integer
--- Left out by a transform.
---@field skipped integer
--- Repetitions.
---@field retried integer
--- How many failed by refused credentials.
---@field refused integer
--- How long it took.
---@field seconds? number
--- Why it ended early, such as refused credentials.
---@field stopped? iflow.error
--- Message processing log id of the first message that has one.
---@field first_id? string
--- Message processing log id of the last message that has one.
---@field last_id? string
--- When it began, by `iflow.monotonic`.
---@field started number
local summary = {}

--- How many came to an end.
---@return integer total
function summary:total() end

--- Messages a second.
---@return number rate
function summary:rate() end

--- What a command ends with: 0 fine, 1 rejected, 3 credentials refused, 4 left to retry, 5 in
--- doubt.
---@return integer code
function summary:exit_code() end

--- Options of `sender:enqueue`.
---@class iflow.enqueue.options
--- Messages without an id of their own get ids made of this text and their position, so that
--- enqueueing the same again is known.
---@field ids? string
--- How long room is waited for when the outbox is full. Default: `"30s"`.
---@field wait? iflow.duration
--- Time of the first attempt, seconds since 1970.
---@field not_before? number

--- What `sender:enqueue` did.
---@class iflow.enqueued
--- Id of the first message.
---@field id? string
--- "known": the sender has it already, and it is not sent twice; "rejected": it is a dead letter;
--- "skipped": transforms left out all.
---@field state "accepted"|"known"|"rejected"|"skipped"
--- How many are stored or known.
---@field count integer
--- How many of them were known.
---@field known integer
--- How many became dead letters.
---@field rejected integer

--- Options of `sender:enqueue_all`.
---@class iflow.enqueue_all.options
--- As of `sender:send_all`. Default: `false`.
---@field progress? boolean
--- As of `sender:enqueue`.
---@field ids? string
--- Told of every message: its state, and why when it is "rejected"; nil, err when it is not stored.
---@field each? fun(message: iflow.message, state?: string, err?: iflow.error)

--- What became of many messages on their way into the outbox; `tostring` gives a line.
---@class iflow.enqueue_summary
--- Stored.
---@field accepted integer
--- The sender had them already.
---@field known integer
--- Dead letters.
---@field rejected integer
--- Left out by a transform.
---@field skipped integer
--- How long it took.
---@field seconds? number
--- When it began, by `iflow.monotonic`.
---@field started number
local enqueue_summary = {}

--- How many are in the outbox now.
---@return integer total
function enqueue_summary:total() end

--- Messages a second.
---@return number rate
function enqueue_summary:rate() end

--- A sender. Calling it with its options defines it; that raises at the line when something is
--- wrong.
---@class iflow.sender
---@overload fun(options: iflow.sender.options): iflow.sender
--- Its name.
---@field name string
local sender = {}

--- Sends a message and waits for its outcome. `err.outcome` is "rejected", "in_doubt", or
--- "retryable" when its retries are used up. When transforms make several messages of it: the first
--- error, or an answer with `count`. Errors: `call.*`, `token.*`, `net.*`, `tls.*`, `transform.*`,
--- `message.rejected`, `usage.invalid`.
---@param payload iflow.payload
---@return iflow.answer? answer
---@return iflow.error? err
function sender:send(payload) end

--- Sends all messages of a list or an iterator, `concurrency` at once, and waits until all have
--- ended. When the iterator raises, what it gave before is delivered first. Errors: those of
--- opening the credential; what becomes of messages is in the summary.
---@param source iflow.payload[]|fun(): iflow.payload?
---@param options? iflow.send_all.options
---@return iflow.summary? summary
---@return iflow.error? err
function sender:send_all(source, options) end

--- Puts a message into the outbox and returns when it is durable. The service delivers it and
--- repeats what fails, also after restarts. Transforms run at once. Errors: `outbox.full`,
--- `outbox.disk_full`, `outbox.failed`, `usage.invalid`; `message.rejected`, `transform.*` for the
--- only record.
---@param payload iflow.payload
---@param options? iflow.enqueue.options
---@return iflow.enqueued? result
---@return iflow.error? err
function sender:enqueue(payload, options) end

--- Puts all messages of a list or an iterator into the outbox. What a transform refuses becomes a
--- dead letter. Errors: `outbox.full`, `outbox.disk_full`, `outbox.failed`; what follows was not
--- read.
---@param source iflow.payload[]|fun(): iflow.payload?
---@param options? iflow.enqueue_all.options
---@return iflow.enqueue_summary? summary
---@return iflow.error? err
---@return iflow.enqueue_summary? until_then What was stored before the error
function sender:enqueue_all(source, options) end

--- Opens its tenant, which the first message does otherwise.
---@return true? opened
---@return iflow.error? err
function sender:open() end

--- Closes its connections; the next message opens them again.
function sender:close() end
