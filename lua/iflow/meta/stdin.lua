---@meta _

--- Standard input: each line is a message.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.sender "orders" { to = "/http/orders" }
--- iflow.stdin { sender = "orders" }
--- ```
---
--- `tail -F orders.jsonl | iflow serve orders.lua` reads line by line. When the outbox is full it
--- reads no further until there is room. Lines that were read and not yet stored when the process
--- is killed are lost; where that matters, write files.

--- Options of `iflow.stdin`; one of `sender` and `run` is needed.
---@class iflow.stdin.options
--- Name of the sender, or a function that gives it; it may refuse: `iflow.reject "why"`.
---@field sender? string|fun(line: string): any
--- Instead of a sender: called for one line after the other.
---@field run? fun(line: string): any
--- Of the trigger. Default: `"stdin"`.
---@field name? string

--- What was defined.
---@class iflow.stdin
--- Its name.
---@field name string

---@class iflow
local iflow = {}

--- Reads standard input; raises at that line when something is wrong.
---@param given iflow.stdin.options
---@return iflow.stdin stdin
function iflow.stdin(given) end
