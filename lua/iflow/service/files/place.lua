--- Where the files of a drop folder end: in `done` or `failed`, under a free name. Internal.

local clock = require "iflow.clock"
local core = require "iflow.core"
local errors = require "iflow.error"

local file = core.file

local place = {}

local NAME_MAX = 255 -- bytes, on all usual file systems
local TRIES = 1000

-- The n-th name to try: "a.csv", "a-20261122T214540Z.csv", "a-20261122T214540Z-2.csv", …
local function candidate(name, time, n)
  if n == 0 then return name end
  local stem, extension = name:match "^(.+)(%.[^.]*)$"
  stem, extension = stem or name, extension or ""
  local suffix = "-" .. time .. (n > 1 and "-" .. n or "") .. extension
  return stem:sub(1, math.max(1, NAME_MAX - #suffix)) .. suffix
end

--- Moves the file at `path` into the directory, also on another file system; never over another
-- file. Returns its new path, or nil, err; then it is where it was.
function place.move(path, directory)
  local name = path:match "([^/]+)$"
  local time = os.date("!%Y%m%dT%H%M%SZ", math.floor(clock.now()))
  local _ <close> = clock.work()
  for n = 0, TRIES do
    local to = directory .. "/" .. candidate(name, time, n)
    local ok, err = file.rename(path, to)
    if ok then return to end
    if err.code ~= "file.exists" then return nil, err end
  end
  return nil, errors { code = "file.exists",
    message = ("'%s' has too many files named like '%s'"):format(directory, name) }
end

--- The directory, made when it is missing: its absolute path; nil, err, also when files cannot be
-- made in it.
function place.directory(path)
  local ok, err = true, nil
  if not file.stat(path) then ok, err = file.mkdir(path, "0755") end
  if not ok then return nil, err end
  local full
  full, err = file.absolute(path)
  if not full then return nil, err end
  if file.stat(full).kind ~= "directory" then
    return nil, errors { code = "file.exists", message = ("'%s' is no directory"):format(full) }
  end
  ok, err = file.writable(full)
  if not ok then return nil, err end
  return full
end

--- Writes PATH.error beside a failed file: true, or nil, err.
-- from: where the file was; sent: what became of its messages, a sentence.
function place.explain(path, from, sent, reason, to_do)
  local text = ("%s\n\nfile:    %s\ntime:    %s UTC\nreason:  %s\nto do:   %s\n"):format(sent, from,
    os.date("!%Y-%m-%d %H:%M:%S", math.floor(clock.now())), reason, to_do)
  local _ <close> = clock.work()
  return file.write(path .. ".error", text, "0644")
end

return place
