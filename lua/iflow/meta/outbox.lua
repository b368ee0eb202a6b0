---@meta _

--- The outbox: messages on disk until they are delivered.
---
--- Scripts use it through `sender:enqueue`. Programs may open one themselves; everything waits.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.run(function()
---   local box <close> = assert(iflow.outbox.open { path = "example.db" })
---   assert(box:enqueue { sender = "orders", id = "4711", body = "{}" } == "accepted")
---   assert(box:enqueue { sender = "orders", id = "4711", body = "{}" } == "known")
---   for _, msg in ipairs(box:claim("orders", 32)) do
---     assert(box:delivered(msg, { status = 200 }) == 1)
---   end
---   assert(box:counts().delivered == 1)
--- end)
--- ```
---
--- A message is
--- - `ready`: it waits for its turn, or for its time
--- - `blocked`: ready, but an earlier message with its key is not through yet
--- - `started`: its attempt is on disk, for senders that must not repeat blindly
--- - `in_doubt`: it was sent, nobody knows what became of it; it holds back its key
--- - `rejected`: a dead letter; it holds back nothing
--- - `delivered`: known for `retention`, without its body

--- Options of `iflow.outbox.open`.
---@class iflow.outbox.options
--- Of the database; beside it stand PATH-lock, PATH-bodies and PATH-wal. Needed.
---@field path string
--- "full": an accepted message survives a loss of power; "normal": a crash of the process, and the
--- last ones perhaps no loss of power. Default: `"full"`.
---@field durability? "full"|"normal"
--- Messages that are not delivered, at most. Default: `10000000`.
---@field max_messages? integer
--- Their bytes, at most. Default: `64 * 1024 * 1024 * 1024`.
---@field max_bytes? integer
--- Bytes; larger bodies are files of their own. Default: `1024 * 1024`.
---@field inline_max? integer
--- How long a delivered message is known; 0: it is gone at once. Default: `"7d"`.
---@field retention? iflow.duration
--- Bytes of the disk that are kept for when it is full.
---@field reserve? integer
--- How long another process that holds it is waited for. Default: `"2s"`.
---@field lock_wait? iflow.duration
--- Its kind. Default: `"sqlite"`.
---@field backend? "sqlite"

--- Opens outboxes.
---@class iflow.outbox.module
local module = {}

--- Opens or creates the outbox of one process; waits. Errors: `outbox.locked`, `outbox.read_only`,
--- `outbox.corrupt`, `outbox.version`, `outbox.disk_full`, `outbox.failed`.
---@param options iflow.outbox.options
---@return iflow.outbox? box
---@return iflow.error? err
function module.open(options) end

--- What is enqueued.
---@class iflow.outbox.entry
--- Name of the sender. Needed.
---@field sender string
--- Its id: a sender has each once. Needed.
---@field id string
--- Its bytes; a file is copied. Needed.
---@field body string|iflow.body.file
--- Messages of one key go one after the other.
---@field key? string
--- HTTP headers.
---@field headers? table<string, string>
--- Of the body.
---@field content_type? string
--- Where it comes from.
---@field source? iflow.message.source
--- A value of your own, as JSON.
---@field about? any
--- Seconds since 1970.
---@field not_before? number
--- How long room is waited for at the ceiling; not at all when it is not given.
---@field wait? iflow.duration

--- A message as it is stored.
---@class iflow.outbox.message
--- By which it is named; it grows.
---@field number integer
--- Name of the sender.
---@field sender string
--- Its id.
---@field id string
--- Its key.
---@field key? string
--- Its state.
---@field state "ready"|"blocked"|"started"|"in_doubt"|"rejected"|"delivered"
--- Its bytes; a large body is a file.
---@field body? string|iflow.body.file
--- Bytes of the body.
---@field size integer
--- How many attempts there were.
---@field attempts integer
--- Seconds since 1970.
---@field created number
--- Seconds since 1970.
---@field changed number
--- Seconds since 1970; nil: at once.
---@field not_before? number
--- HTTP headers.
---@field headers? table<string, string>
--- Of the body.
---@field content_type? string
--- Where it comes from.
---@field source? iflow.message.source
--- The value that came with it.
---@field about? any
--- HTTP status of the last attempt.
---@field status? integer
--- Id of the message processing log.
---@field message_id? string
--- Code of the last error.
---@field code? string
--- Text of the last error.
---@field error? string
--- Somebody has claimed it.
---@field claimed boolean
--- Of `box:show`: its last 100 changes, { state, attempt, began, ended, status, message_id, code,
--- error }.
---@field history? table[]

--- How an attempt went.
---@class iflow.outbox.outcome
--- Seconds since 1970.
---@field began? number
--- Seconds since 1970; now when it is not given.
---@field ended? number
--- HTTP status; 0: none. Default: `0`.
---@field status? integer
--- Id of the message processing log.
---@field message_id? string
--- What went wrong.
---@field error? string|iflow.error
--- Code of the error.
---@field code? string
--- Of a repetition: seconds since 1970.
---@field not_before? number
--- Of a repetition: false when it was not tried. Default: `true`.
---@field attempted? boolean
--- Of `box:requeue`: a new body, for one message.
---@field body? string|iflow.body.file
--- Of `box:requeue` with a body: its HTTP headers.
---@field headers? table<string, string>
--- Of `box:requeue` with a body.
---@field content_type? string
--- Of `box:requeue` with a body: where it comes from.
---@field source? iflow.message.source
--- Of `box:requeue` with a body: a value of your own.
---@field about? any

--- What `box:list` looks for.
---@class iflow.outbox.filter
--- Name of the sender.
---@field sender? string
--- Of the message.
---@field id? string
--- Of the message.
---@field key? string
--- One state or several; all when it is not given.
---@field state? string|string[]
--- Of the error, with * for any text.
---@field code? string
--- Accepted longer ago.
---@field older_than? iflow.duration
--- Accepted less long ago.
---@field newer_than? iflow.duration
--- Only those with a larger number: the next page. Default: `0`.
---@field after? integer
--- How many at most. Default: `100`.
---@field limit? integer
--- With their bodies. Default: `false`.
---@field bodies? boolean

--- How many messages there are.
---@class iflow.outbox.counts
--- Ready or blocked.
---@field ready integer
--- Whose attempt is on disk.
---@field started integer
--- Of which nobody knows.
---@field in_doubt integer
--- Dead letters.
---@field rejected integer
--- Still known.
---@field delivered integer
--- That somebody has claimed.
---@field claimed integer
--- All that are not delivered.
---@field messages integer
--- Their bytes.
---@field bytes integer

--- Messages: a number, a message, or a list of these.
---@alias iflow.outbox.what integer|table|(integer|table)[]

--- An open outbox. A `<close>` variable closes it. What fails is `outbox.failed` or
--- `outbox.disk_full`, and nothing has changed then.
---@class iflow.outbox
--- How long a delivered message is known, in seconds.
---@field retention number
local box = {}

--- Accepts a message and returns when it is durable: "known" when the sender has one with this id.
--- Errors: `outbox.full`, `outbox.disk_full`, `outbox.failed`, `transform.invalid`,
--- `limit.exceeded`.
---@param message iflow.outbox.entry
---@return "accepted"|"known"|nil state
---@return iflow.error? err
function box:enqueue(message) end

--- Messages of a sender that are ready, the oldest first, of every key only the first. They are the
--- caller's until a method says what became of them.
---@param sender string
---@param max? integer 1 to 1000. Default: `1`.
---@param now? number The time that counts, seconds since 1970; the machine's when it is not given
---@return iflow.outbox.message[]? messages
---@return number|iflow.error|nil due When the next one is due; or the error
function box:claim(sender, max, now) end

--- Gives claimed messages back as they were.
---@param what iflow.outbox.what
---@return integer? changed
---@return iflow.error? err
function box:release(what) end

--- Before the first byte is sent, for senders that must not repeat blindly.
---@param what iflow.outbox.what
---@param outcome? iflow.outbox.outcome
---@return integer? changed
---@return iflow.error? err
function box:start(what, outcome) end

--- The message is through.
---@param what iflow.outbox.what
---@param outcome? iflow.outbox.outcome
---@return integer? changed
---@return iflow.error? err
function box:delivered(what, outcome) end

--- A dead letter.
---@param what iflow.outbox.what
---@param outcome? iflow.outbox.outcome
---@return integer? changed
---@return iflow.error? err
function box:rejected(what, outcome) end

--- Again at `outcome.not_before`.
---@param what iflow.outbox.what
---@param outcome? iflow.outbox.outcome
---@return integer? changed
---@return iflow.error? err
function box:retry(what, outcome) end

--- It was sent, but nobody knows what became of it.
---@param what iflow.outbox.what
---@param outcome? iflow.outbox.outcome
---@return integer? changed
---@return iflow.error? err
function box:in_doubt(what, outcome) end

--- By an operator: what is rejected, in doubt or waits for its time is ready at once, with as many
--- attempts as a new one.
---@param what iflow.outbox.what
---@param outcome? iflow.outbox.outcome
---@return integer? changed
---@return iflow.error? err
function box:requeue(what, outcome) end

--- By an operator: the message is gone; not what is claimed or started.
---@param what iflow.outbox.what
---@param outcome? iflow.outbox.outcome
---@return integer? changed
---@return iflow.error? err
function box:drop(what, outcome) end

--- Messages by number.
---@param filter? iflow.outbox.filter
---@return iflow.outbox.message[]? messages
---@return iflow.error? err
function box:list(filter) end

--- One message with body and history.
---@param number integer
---@return iflow.outbox.message? message nil alone when there is none
---@return iflow.error? err
function box:show(number) end

--- Of every sender: sender, its messages by state, oldest, and ages. It reads all messages.
---@return table[]? stats
---@return iflow.error? err
function box:stats() end

--- How many messages there are; cheap.
---@return iflow.outbox.counts? counts
---@return iflow.error? err
function box:counts() end

--- A durable text beside the messages: reads it, sets it, or removes it (false).
---@param name string
---@param text? string|false 64 KiB at most
---@return string|true|nil text
---@return iflow.error? err
function box:note(name, text) end

--- Why nothing can be accepted just now, the disk being full.
---@return iflow.error? why
function box:refusal() end

--- Gives up the room that is kept on the disk.
---@return boolean spared Whether there was any
function box:spare() end

--- Finishes what was asked for and closes the file. May be repeated.
function box:close() end
