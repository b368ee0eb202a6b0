--- What a restart keeps: the tenant's identity, its ports, instances, keys and trust lists, in
--- DIR/state.json (0600), replaced as a whole. Only the running sandbox writes it.
local core = require "iflow.core"
local errors = require "iflow.error"
local semaphore = require "iflow.semaphore"

local state = {}
state.__index = state

local VERSION = 1
local MAX = 64 * 1024 * 1024

local function fresh()
  return { version = VERSION, subaccount_id = core.crypto.uuid(), instances = {},
           trust = { balancer = {}, token = {} }, roles = {}, settings = {} }
end

--- Reads DIR/state.json, or begins a new one. max: bytes it may have. nil, err when it cannot be
--- read.
function state.open(dir, max)
  local path = dir .. "/state.json"
  local self = setmetatable({ path = path, max = max or MAX, writer = semaphore(1) }, state)
  if not core.file.stat(path) then
    self.data = fresh()
    return self
  end
  local text, err = core.file.read(path, self.max)
  if not text then return nil, err end
  self.data, err = core.json.decode(text)
  if not self.data then return nil, err end
  if type(self.data) ~= "table" or self.data.version ~= VERSION then
    return nil, errors { code = "sandbox.failed",
      message = ("'%s' was not written by this version of the sandbox"):format(path),
      hint = "use another --dir, or remove the file to begin anew" }
  end
  return self
end

--- true, or nil, err when the disk refuses, or when it would be more than the next start reads. One
--- after the other, so that the last is what stays.
function state:save()
  local permit <close>, err = self.writer:acquire()
  if not permit then return nil, err end
  local text = assert(core.json.encode(self.data, { pretty = true, sort = true }))
  if #text > self.max then
    return nil, errors { code = "sandbox.failed", hint = "delete instances and keys, or begin anew",
      message = ("the sandbox would keep %d bytes; %d is the most"):format(#text, self.max) }
  end
  return core.file.write(self.path, text, "0600")
end

--- Changes the data by change(data), and takes it back by undo(data) when it cannot be saved.
function state:change(change, undo)
  change(self.data)
  local saved, err = self:save()
  if saved then return true end
  undo(self.data)
  return nil, err
end

return state
