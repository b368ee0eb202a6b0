--- The message processing log: ids of the form SAP's have (sap-reference 5.4), and a log of bounded
--- length. Pure: clock and randomness come from outside, and where entries are kept is the
--- journal's business. An entry:
---   id, correlation_id, transaction_id, status (mpl.STATUSES), started, ended, error (a text),
---   flow, sender (client id), method, size, http_status, log_level, attempts,
---   application_id, application_type, sender_name, receiver_name, predecessor_id, custom_status,
---   custom_headers { { name, value } … }, adapter_attributes { { adapter, name, value } … }
local core = require "iflow.core"
local errors = require "iflow.error"

local mpl = {}
mpl.__index = mpl

--- The statuses SAP documents (sap-reference 7.3), and whether one is the last word.
mpl.STATUSES = { PROCESSING = false, RETRY = false, ABANDONED = false, COMPLETED = true,
                 FAILED = true, ESCALATED = true, CANCELLED = true, DISCARDED = true }

local WITHOUT_ERROR = { COMPLETED = true, DISCARDED = true }
local ERROR_MAX = 64 * 1024

--- 28 characters: base64url of one zero byte, the second as four bytes, and 16 random bytes.
function mpl.id(second, random)
  assert(#random == 16, "16 random bytes are needed")
  return core.crypto.base64url(string.pack(">BI4", 0, second) .. random)
end

--- The second an id was made, or nil when the text is no id.
function mpl.created(id)
  if type(id) ~= "string" or not id:match("^[%w_-]+$") or #id ~= 28 then return nil end
  local zero, second = string.unpack(">BI4", core.crypto.unbase64(id))
  return zero == 0 and second or nil
end

--- deps: now() -> seconds, random(n) -> bytes, journal(entry) (or nil) is told every change; limit:
--- entries kept, the oldest goes first.
function mpl.new(deps, limit)
  return setmetatable({ now = deps.now, random = deps.random, limit = limit, entries = {},
                        journal = deps.journal or function() end, by_id = {},
                        first = 1, last = 0 }, mpl)
end

local function keep(self, entry)
  self.last = self.last + 1
  self.entries[self.last], self.by_id[entry.id] = entry, entry
  if self.last - self.first >= self.limit then
    self.by_id[self.entries[self.first].id] = nil
    self.entries[self.first] = nil
    self.first = self.first + 1
  end
end

--- Takes back the entries of an earlier run of the sandbox. What ran when it ended was interrupted.
function mpl:restore(entries)
  for _, entry in ipairs(entries) do
    if entry.status == "PROCESSING" then entry.status = "ABANDONED" end
    keep(self, entry)
  end
end

-- A pregenerated id that is known already: the next attempt at the same message.
local function begin_again(self, entry)
  entry.status, entry.attempts = "PROCESSING", (entry.attempts or 1) + 1
  entry.ended, entry.error, entry.http_status = nil, nil, nil
  self.journal(entry)
  return entry
end

--- Opens the log of one run: status PROCESSING, with an id of its own unless fields has one. With
--- log_level "NONE" it has an id, and nothing is kept. fields becomes the entry.
function mpl:open(fields)
  if fields.id and self.by_id[fields.id] then return begin_again(self, self.by_id[fields.id]) end
  local entry, random = fields, self.random(48)
  entry.status, entry.started = "PROCESSING", self.now()
  local second = math.floor(entry.started)
  entry.id = entry.id or mpl.id(second, random:sub(1, 16))
  entry.correlation_id = entry.correlation_id or mpl.id(second, random:sub(17, 32))
  entry.transaction_id = ("%016x%016x"):format(string.unpack(">i8i8", random, 33))
  if entry.log_level ~= "NONE" then
    keep(self, entry)
    self.journal(entry)
  end
  return entry
end

-- PROCESSING has no end; of the others the last change counts.
local function become(self, entry, status, reason)
  entry.status, entry.error = status, not WITHOUT_ERROR[status] and reason or nil
  if entry.error then entry.error = entry.error:sub(1, ERROR_MAX) end
  entry.ended = status ~= "PROCESSING" and self.now() or nil
  if entry.log_level ~= "NONE" then self.journal(entry) end
end

--- Ends a run with a status, the HTTP status of its answer, and the reason of a failure.
function mpl:finish(entry, status, http_status, reason)
  entry.http_status = http_status
  become(self, entry, status, reason)
end

--- What somebody does to a message by hand, or a queue by itself: another status, and a reason,
--- else the one it has. Returns the entry, or nil, err.
function mpl:set_status(id, status, reason)
  local entry = self.by_id[id]
  if not entry then
    return nil, errors { code = "sandbox.refused",
      message = ("there is no message processing log '%s'"):format(tostring(id)) }
  elseif mpl.STATUSES[status] == nil then
    return nil, errors { code = "usage.invalid",
                         message = ("there is no status '%s'"):format(tostring(status)) }
  end
  become(self, entry, status, reason and tostring(reason) or entry.error)
  return entry
end

--- The entry of that id, or nil. Not a copy.
function mpl:find(id) return self.by_id[id] end

--- Iterates the entries, oldest first. Not copies.
function mpl:each()
  local i = self.first - 1
  return function()
    i = i + 1
    return self.entries[i]
  end
end

--- A copy of an entry, for those who are not the tenant.
function mpl.copy(entry)
  local copy = {}
  for name, value in pairs(entry) do copy[name] = value end
  return copy
end

--- Copies of the entries, oldest first.
function mpl:list()
  local list = {}
  for entry in self:each() do list[#list + 1] = mpl.copy(entry) end
  return list
end

return mpl
