--- iflow.transform.gunzip { … }: undoes gzip, also of several members one after the other.
--
--   transform = { gunzip {}, csv {} }
--
--   max   bytes that may come out, 4 GiB by default: a small file can be made to unpack to a huge
--         one. Beyond it the message is rejected (limit.exceeded)

local core = require "iflow.core"
local options = require "iflow.options"
local stream = require "iflow.stream"

local known = { max = options.integer(1, math.maxinteger, 4 * 2 ^ 30 | 0) }

local gunzip = { name = "gunzip" }
gunzip.__index = gunzip

function gunzip:run(message, emit)
  local decompressor, err = core.gzip.decompressor(self.options)
  if not decompressor then return nil, err end
  local body
  body, err = stream.through(message, decompressor)
  if not body then return nil, err end
  emit(message:with { body = body })
end

return function(given)
  return setmetatable({ options = options.check(given, known) }, gunzip)
end
