--- iflow.transform.to_json { … }: data as JSON; the content type becomes application/json.
--
--   pretty   true: two spaces a level
--   sort     true: names in the order of their bytes, so that equal data is equal text
--   depth    nesting, 128 by default, at most 1000
--
-- A table is an array when it has items or is marked (iflow.json.array), else an object. What JSON
-- cannot hold (functions, NaN, holes, text that is not UTF-8) rejects the message; the error names
-- the path.

local core = require "iflow.core"
local errors = require "iflow.error"
local options = require "iflow.options"

local known = {
  pretty = { "boolean", default = false },
  sort = { "boolean", default = false },
  depth = options.integer(1, 1000, 128),
}

local to_json = { name = "to_json" }
to_json.__index = to_json

function to_json:run(message, emit)
  if message.data == nil then
    return nil, errors { code = "transform.invalid", message = "to_json needs data, not a body",
      hint = "put a transform before it that makes data, for example json {} or csv {}" }
  end
  local text, err = core.json.encode(message.data, self.options)
  if not text then
    return nil, errors { code = "transform.invalid", message = err.message, hint = err.hint,
      cause = err }
  end
  emit(message:with_bytes(text, "application/json"))
end

return function(given)
  return setmetatable({ options = options.check(given, known) }, to_json)
end
