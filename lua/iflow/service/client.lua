--- The outbox of a service that runs, asked through its control endpoint (control.lua): an object
-- with the methods list, show, requeue, drop, stats, counts and close of iflow.outbox, the same
-- results and the same errors.
--
--   local box, err = client.open "orders.db"      nil, err when no service answers for it

local core = require "iflow.core"
local errors = require "iflow.error"
local wire = require "iflow.service.wire"

local client = {}

local TIMEOUT = 60 -- seconds: stats reads every message
local ANSWER_MAX = 64 * 1024 * 1024
local INLINE_MAX = 1024 * 1024 -- bytes of a new body that travel; larger ones go by a file

local box = { __name = "iflow.outbox_client" }
box.__index = box

local function lost(self, err)
  return nil, errors { code = "outbox.failed", retryable = true, cause = err,
    message = ("the service that holds the outbox '%s' (process %s) does not answer: %s"):format(
      self.path, self.pid, err.message),
    hint = "try again; if the service has ended, the outbox can be opened directly" }
end

-- One request: result, more; nil, err.
local function ask(self, method, ...)
  local args = core.json.array(table.pack(...))
  args.n = nil
  local sent = assert(core.json.encode { method = method, args = wire.pack(args) })
  local got, err = core.http.request {
    url = ("http://%s/outbox"):format(self.address), method = "POST", proxy = "", body = sent,
    headers = { Authorization = "Bearer " .. self.token:reveal(),
      ["Content-Type"] = "application/json" },
    timeout = TIMEOUT, max_body = ANSWER_MAX, idempotent = true,
  }
  if not got then return lost(self, err) end
  local value = core.json.decode(got.body)
  if type(value) ~= "table" then
    return lost(self, { message = ("it answered %d"):format(got.status) })
  end
  if value.raised then error(value.raised, 0) end
  if value.error then return nil, wire.unpack_error(value.error) end
  return wire.unpack(value.result), value.more
end

-- Keeps the error as the second result.
local function plain(value, err)
  if value == nil then return nil, err end
  return value
end

for _, name in ipairs { "show", "stats", "counts" } do
  box[name] = function(self, ...) return plain(ask(self, name, ...)) end
end

--- As of iflow.outbox; large bodies come in several answers.
function box:list(filter)
  local wanted, list = {}, {}
  for key, value in pairs(filter or {}) do wanted[key] = value end
  wanted.limit = wanted.limit or 100
  while true do
    local page, more = ask(self, "list", wanted)
    if not page then return nil, more end
    table.move(page, 1, #page, #list + 1, list)
    if not more or #page == 0 then return list end
    wanted.after, wanted.limit = page[#page].number, wanted.limit - #page
    if wanted.limit <= 0 then return list end
  end
end

-- A large new body, in a file: its path; what has to be closed afterwards.
local function in_file(body)
  if type(body) == "table" then return { file = core.file.absolute(body.file) or body.file } end
  if type(body) ~= "string" or #body <= INLINE_MAX then return body end
  local dir = assert(core.file.tempdir "iflow-outbox-")
  assert(core.file.write(dir .. "/body", body, "0600"))
  return { file = dir .. "/body" }, setmetatable({}, { __close = function()
    core.file.remove(dir, { recursive = true })
  end })
end

-- Messages are named by their numbers alone.
local function numbers(what)
  if type(what) ~= "table" then return what end
  if what.number then return { number = what.number, outcome = what.outcome } end
  local list = {}
  for i, item in ipairs(what) do list[i] = numbers(item) end
  return list
end

--- As of iflow.outbox; the service sends what is ready at once.
function box:requeue(what, outcome)
  local given = {}
  for key, value in pairs(outcome or {}) do given[key] = value end
  local file
  given.body, file = in_file(given.body)
  local _ <close> = file
  return plain(ask(self, "requeue", numbers(what), given))
end

function box:drop(what, outcome)
  return plain(ask(self, "drop", numbers(what), outcome))
end

--- Nothing stays open.
function box.close() end
box.__close = box.close

local function not_running(path)
  return nil, errors { code = "outbox.failed",
    message = ("no service holds the outbox '%s'"):format(path), hint = "open it directly" }
end

--- Opens the outbox of that path, which a service holds. nil, err when none does, or it is not
-- ready to answer.
function client.open(path)
  local text = core.file.read(path .. "-control", 65536)
  local known = text and core.json.decode(text)
  local address = type(known) == "table" and known.address
  if type(address) ~= "string" or type(known.token) ~= "string" then return not_running(path) end
  local self = setmetatable({ path = path, address = address, pid = known.pid,
    token = core.secret.new(known.token) }, box)
  local counts, err = self:counts()
  if not counts then return nil, err end
  return self
end

return client
