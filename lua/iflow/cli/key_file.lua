-- key_file.lua -- where a service key goes: a file for its owner alone, or with "-" standard
-- output.
local core = require "iflow.core"
local errors = require "iflow.error"
local json = require "iflow.json"

local key_file = {}

--- The option row.
key_file.options = {
  { "-o --output", value = "FILE", required = true,
    help = "where the key is written; - is standard output" },
  { "--force", flag = true, env = false, help = "replace a file that exists" },
}

--- Whether the key could be written there, before anything is made: true; or nil, err.
function key_file.check(path, force)
  if path == "-" then return true end
  if core.file.stat(path) and not force then
    return nil, errors { code = "file.exists", message = ("'%s' exists already"):format(path),
                         hint = "give another --output, or --force to replace it" }
  end
  return core.file.writable(path:match "^(.*)/[^/]*$" and path:match "^(.*/)[^/]*$" or ".")
end

--- Writes the document as the cockpit's download: true; or nil, err.
function key_file.write(path, document)
  local text, err = json.encode(document, { pretty = true, sort = true })
  if not text then return nil, err end
  if path ~= "-" then return core.file.write(path, text .. "\n", "0600") end
  local ok, why = io.stdout:write(text, "\n")
  if ok then ok, why = io.stdout:flush() end
  if ok then return true end
  return nil, errors { code = "file.io", message = "standard output: " .. tostring(why) }
end

return key_file
