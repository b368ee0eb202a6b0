--- Keeps the message processing logs over a restart and a kill: DIR/log.jsonl gets a line when a
--- run begins and when it ends, the later line of an id counts. A run that ends before the loop
--- turns has its last line only. Two files take turns, so that the disk never holds more than about
--- four lines for each log that is kept.
local core = require "iflow.core"
local errors = require "iflow.error"

local journal = {}
journal.__index = journal

local READ_MAX = 256 * 1024 * 1024

local function open(self)
  local file, why = io.open(self.path, "a")
  if not file then
    return nil, errors { code = "sandbox.failed", message = "the log cannot be written: " .. why }
  end
  file:setvbuf "line" -- one write a line: a kill loses none
  file:write "\n" -- behind a line that a kill has torn
  self.file = file
  return true
end

--- limit: the logs that are kept.
function journal.open(dir, limit)
  local self = setmetatable({ path = dir .. "/log.jsonl", lines = 0, begun = {},
                              lines_max = 2 * math.max(limit, 100) }, journal)
  local ok, err = open(self)
  if not ok then return nil, err end
  return self
end

local function read_file(path, entries, by_id)
  local lines = 0
  for line in (core.file.read(path, READ_MAX) or ""):gmatch "[^\n]+" do
    lines = lines + 1
    local entry = core.json.decode(line) -- the last line may be torn
    if type(entry) == "table" and type(entry.id) == "string" then
      if not by_id[entry.id] then entries[#entries + 1] = entry.id end
      by_id[entry.id] = entry
    end
  end
  return lines
end

--- What is kept, oldest first.
function journal:read()
  local ids, by_id, list = {}, {}, {}
  read_file(self.path .. ".old", ids, by_id)
  self.lines = read_file(self.path, ids, by_id)
  for i, id in ipairs(ids) do list[i] = by_id[id] end
  return list
end

local function turn(self)
  self.file:close()
  os.rename(self.path, self.path .. ".old")
  self.lines = 0
  return open(self)
end

local function write(self, entry)
  local line = core.json.encode(entry)
  local ok = line and self.file and self.file:write(line, "\n")
  if ok then
    self.lines = self.lines + 1
    if self.lines >= self.lines_max then ok = turn(self) end
  end
  if not ok and not self.told then
    self.told = true
    core.log.write("warn", "sandbox", "the message log cannot be written to " .. self.path)
  end
end

-- Those that have begun, and not ended since, in any order.
local function write_begun(self)
  local begun = self.begun
  self.begun = {}
  for entry in pairs(begun) do write(self, entry) end
end

local function write_soon(self)
  core.task.sleep(0)
  self.writer = nil
  write_begun(self)
end

--- Writes a log as it is now, before the caller answers; of a run that begins, when the loop has
--- turned. A disk that refuses is told once; the log in memory goes on.
function journal:note(entry)
  if entry.status ~= "PROCESSING" then
    self.begun[entry] = nil
    return write(self, entry)
  end
  self.begun[entry] = true
  if not self.writer then self.writer = core.task.spawn(write_soon, self) end
end

function journal:close()
  write_begun(self)
  if self.file then self.file:close() end
  self.file = nil
end

return journal
