--- The files that a rotation exchanges: PATH is what the senders use, PATH.rotation.next is
--- made ready beside it, PATH.rotation.old is kept for an undo. Each takes its place in one go, for
--- its owner alone.
---
--- With a certificate in files of its own there are several. They are exchanged in the order
--- certificate, service key, private key: a sender that reads them in between finds the old pair,
--- or a private key that does not fit, and keeps what it has. For lua/iflow/cf/rotate.lua.
local core = require "iflow.core"

local files = {}

local MAX = 1024 * 1024

--- Where the next one of a file is made ready.
function files.staged(path) return path .. ".rotation.next" end

local function kept(path) return path .. ".rotation.old" end

local function read(path) return core.file.read(path, MAX) end

--- Makes the contents ready: list = { { path =, text = } … }. true; or nil, err.
function files.stage(list)
  for _, file in ipairs(list) do
    local ok, err = core.file.write(files.staged(file.path), file.text, "0600")
    if not ok then return nil, err end
  end
  return true
end

-- What is there stays as it is until all of the new ones are there.
local function keep(path, text)
  local before, err = read(path)
  if not before then return nil, err end
  if before == text then return true end -- exchanged already, before a crash
  return core.file.write(kept(path), before, "0600")
end

--- Puts each next one into its place, and keeps the one before. May be repeated. true; or nil, err.
function files.switch(paths)
  local texts = {}
  for i, path in ipairs(paths) do
    local text, err = read(files.staged(path))
    if not text then return nil, err end
    texts[i] = text
    local ok, why = keep(path, text)
    if not ok then return nil, why end
  end
  for i, path in ipairs(paths) do
    local ok, err = core.file.write(path, texts[i], "0600")
    if not ok then return nil, err end
  end
  return true
end

--- Puts each file that was kept back. May be repeated. true; or nil, err.
function files.put_back(paths)
  for _, path in ipairs(paths) do
    if core.file.stat(kept(path)) then
      local text, err = read(kept(path))
      if not text then return nil, err end
      local ok, why = core.file.write(path, text, "0600")
      if not ok then return nil, why end
    end
  end
  return true
end

--- Removes what was made ready and what was kept: true; or nil, err.
function files.clear(paths)
  for _, path in ipairs(paths) do
    for _, name in ipairs { files.staged(path), kept(path) } do
      local ok, err = core.file.remove(name) -- what is not there is removed, too
      if not ok then return nil, err end
    end
  end
  return true
end

return files
