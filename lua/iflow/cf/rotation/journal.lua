--- What a rotation of a key has done so far, in KEYFILE.rotation beside the key file: read by the
--- call that goes on after a crash. It is replaced as a whole before and after each step, mode
--- 0600, and holds no secrets. For lua/iflow/cf/rotate.lua.
---
--- A journal:
---   instance, type         of the new key
---   step                   one of STEPS: what is done next, or was under way when it ended
---   one_way                a certificate that changes under the same key
---   undo                   true once that was begun
---   old, new               { name, client_id }
---   cert, key              the paths of senders that have the certificate in files of its own
---   files                  the paths that are exchanged, in this order
---   switched_at, delete_at seconds since 1970
local core = require "iflow.core"
local errors = require "iflow.error"
local json = require "iflow.json"

local journal = {}

local MAX = 64 * 1024
local VERSION = 1

--- The steps, in their order.
journal.STEPS = { "create", "stage", "probe", "switch", "grace", "delete" }

local known = {}
for i, step in ipairs(journal.STEPS) do known[step] = i end

--- Where the journal of a key file is.
function journal.path(key_file) return key_file .. ".rotation" end

local function is_key(value)
  return type(value) == "table" and (value.name == nil or type(value.name) == "string")
    and (value.client_id == nil or type(value.client_id) == "string")
end

local function is_journal(value)
  if type(value) ~= "table" or value.version ~= VERSION or not known[value.step] then
    return false
  end
  for _, path in ipairs(type(value.files) == "table" and value.files or { false }) do
    if type(path) ~= "string" then return false end
  end
  for _, name in ipairs { "cert", "key" } do
    if value[name] ~= nil and type(value[name]) ~= "string" then return false end
  end
  local times = value.delete_at == nil or type(value.delete_at) == "number"
    and type(value.switched_at) == "number"
  return type(value.instance) == "string" and is_key(value.old) and is_key(value.new) and times
end

--- The journal of a key file; nil when no rotation is under way; nil, err when it cannot be used.
function journal.read(key_file)
  local path = journal.path(key_file)
  if not core.file.stat(path) then return nil end
  local text, err = core.file.read(path, MAX)
  if not text then return nil, err end
  local value = core.json.decode(text)
  if is_journal(value) then return value end
  return nil, errors { code = "json.invalid", message = ("'%s' is no journal of a rotation"):format(
    path), hint = "look with iflow instance key list which keys there are, and remove the file" }
end

--- Replaces it: true; or nil, err.
function journal.write(key_file, value)
  value.version = VERSION
  local text = assert(json.encode(value, { pretty = true, sort = true }))
  return core.file.write(journal.path(key_file), text .. "\n", "0600")
end

--- Whether the step comes after the other one.
function journal.is_after(step, other) return known[step] > known[other] end

return journal
