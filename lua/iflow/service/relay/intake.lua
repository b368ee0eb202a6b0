--- Reads the body of a request: small ones into memory, large ones into a file. Internal.

local answers = require "iflow.service.relay.answers"
local core = require "iflow.core"
local errors = require "iflow.error"

local intake = {}

local KEPT = 1024 * 1024 -- bytes of a body that stay in memory
local NO_SPACE = { [27] = true, [28] = true, [122] = true } -- EFBIG, ENOSPC, EDQUOT

local body = {}
body.__index = body

-- Goes with the request: what is durable lies in the outbox by then.
function body:__close()
  if self.handle then self.handle:close() end
  self.handle = nil
  if self.file then core.file.remove(self.file) end
end

local function disk_failed(why, number)
  return nil, errors { code = NO_SPACE[number] and "outbox.disk_full" or "file.io", native = number,
    message = "a body cannot be kept: " .. tostring(why) }
end

local function spill(self)
  local directory, err = self.directory()
  if not directory then return nil, err end
  self.file = ("%s/%s"):format(directory, core.crypto.uuid())
  local why, number
  self.handle, why, number = io.open(self.file, "wb")
  if not self.handle then return disk_failed(why, number) end
  local ok
  ok, why, number = self.handle:write(table.concat(self.pieces))
  self.pieces = {}
  if not ok then return disk_failed(why, number) end
  return true
end

local function add(self, piece)
  self.size = self.size + #piece
  if self.handle then
    local ok, why, number = self.handle:write(piece)
    if not ok then return disk_failed(why, number) end
    return true
  end
  self.pieces[#self.pieces + 1] = piece
  if self.size > KEPT then return spill(self) end
  return true
end

local function finish(self)
  if not self.handle then
    self.text = table.concat(self.pieces)
    return self
  end
  local ok, why, number = self.handle:close()
  self.handle = nil
  if not ok then return disk_failed(why, number) end
  return self
end

--- What a message takes as its body.
function body:value() return self.file and { file = self.file } or self.text end

local function too_large(max)
  return answers.refuse(413, "too_large", ("a body has at most %d bytes here"):format(max))
end

--- Reads it to its end. max: bytes; directory: a function -> where files may lie. Returns a body,
-- to be closed; or nil and the answer; nil alone when the client broke off (the server answers).
function intake.read(request, max, directory)
  local req = request.req
  if (req.length or 0) > max then return nil, too_large(max) end
  local self <close> = setmetatable({ pieces = {}, size = 0, directory = directory }, body)
  while true do
    local piece, err = req:read()
    if not piece and err then return nil end
    if not piece then break end
    if self.size + #piece > max then return nil, too_large(max) end
    local ok, failure = add(self, piece)
    if not ok then return nil, answers.failed(failure) end
  end
  local read, failure = finish(self)
  if not read then return nil, answers.failed(failure) end
  -- The caller closes it from here on.
  local result = setmetatable({ text = self.text, file = self.file, size = self.size }, body)
  self.file = nil
  return result
end

return intake
