---@meta _

--- Drop folders: dropped files are sent, and moved away.
---
--- `iflow serve` takes each file when it is complete, one at a time, the oldest first, and moves it
--- when its messages are durable in the outbox. After a crash the file that was under way is taken
--- again, and what was stored of it is known.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.sender "orders" { to = "/http/orders" }
--- iflow.files { "inbox/*.csv", done = "archive/", failed = "failed/", sender = "orders" }
--- ```

--- A file that was taken.
---@class iflow.file
--- Absolute path.
---@field path string
--- Its last part.
---@field name string
--- Bytes.
---@field size integer
--- Seconds since 1970.
---@field mtime number
--- The same when it is taken again: `sender:enqueue(payload, { ids = file.id })` knows then what it
--- stored before.
---@field id string

--- Options of `iflow.files`; the items of the list are the patterns.
---@class iflow.files.options
--- Patterns such as "inbox/*.csv": *, ?, [a-z], [!a] in the last part. Needed.
---@field [integer] string
--- Directory for files whose messages are in the outbox; made when it is missing. Needed.
---@field done string
--- Directory for files that failed; NAME.error beside one says why. Needed.
---@field failed string
--- Name of the sender, or a function that gives it; it may refuse: `iflow.reject "why"`.
---@field sender? string|fun(file: iflow.file): any
--- Instead of a sender: does with the file what it likes.
---@field run? fun(file: iflow.file): any
--- Of the trigger, in logs; without it made of the first pattern.
---@field name? string
--- A file is complete when size and time stayed the same for so long, an hour at most.
--- Default: `"2s"`.
---@field settle? iflow.duration
--- How often the directory is read when nothing seems to happen. Default: `"30s"`.
---@field rescan? iflow.duration

--- What was defined.
---@class iflow.files
--- Its name.
---@field name string

---@class iflow
local iflow = {}

--- Defines a drop folder; raises at that line when something is wrong.
---@param options iflow.files.options
---@return iflow.files files
function iflow.files(options) end
