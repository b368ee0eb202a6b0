--- iflow.transform.gzip { … }: compresses the body.
--
--   level     1 (quick) to 9 (small), 6 by default
--   encoding  false (default): the message is a gzip file, of type application/gzip;
--             true: it keeps its type and gets the header Content-Encoding: gzip. Whether a tenant
--             undoes that is not documented: try it with your flow.
--
-- The same bytes give the same result, so that a repeated message is the same message.

local core = require "iflow.core"
local options = require "iflow.options"
local stream = require "iflow.stream"

local known = {
  level = options.integer(1, 9, 6),
  encoding = { "boolean", default = false },
}

local gzip = { name = "gzip" }
gzip.__index = gzip

function gzip:run(message, emit)
  local compressor, err = core.gzip.compressor { level = self.options.level }
  if not compressor then return nil, err end
  local body
  body, err = stream.through(message, compressor)
  if not body then return nil, err end
  if not self.options.encoding then
    return emit(message:with { body = body, content_type = "application/gzip" })
  end
  local headers = { ["Content-Encoding"] = "gzip" }
  for name, value in pairs(message.headers) do headers[name] = value end
  emit(message:with { body = body, headers = headers })
end

return function(given)
  return setmetatable({ options = options.check(given, known) }, gzip)
end
