-- assignments.lua -- words NAME=VALUE as a table; for the commands that take settings.
local errors = require "iflow.error"

--- nil, err when a word is none.
return function(words)
  local given = {}
  for _, word in ipairs(words or {}) do
    local name, value = word:match "^([%w_]+)=(.*)$"
    if not name then
      return nil, errors { code = "usage.invalid",
                           message = ("'%s' is not NAME=VALUE"):format(word),
                           hint = "iflow sandbox settings lists the names" }
    end
    given[name] = value
  end
  return given
end
