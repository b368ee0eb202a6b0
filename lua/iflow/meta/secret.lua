---@meta _

--- Secrets: values that print as their fingerprint.
---
--- ```lua
--- local iflow = require "iflow"
--- local secret = iflow.secret.new "top"
--- assert(tostring(secret):find "^secret:%x+$" and secret:reveal() == "top" and #secret == 3)
--- ```

--- Makes secrets.
---@class iflow.secret.module
local module = {}

--- Of a text.
---@param text string
---@return iflow.secret secret
function module.new(text) end

--- Of the first line of a file. Errors: `file.*`, `limit.exceeded`.
---@param path string
---@return iflow.secret? secret
---@return iflow.error? err
function module.file(path) end

--- A secret. `#secret` is its length; `==` compares values, in constant time.
---@class iflow.secret
local secret = {}

--- The text itself, for who really needs it.
---@return string text
function secret:reveal() end
