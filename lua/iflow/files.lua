--- Drop folders: what is put into a directory is sent, and moved away.
--
--   iflow.files { "inbox/*.csv", done = "archive/", failed = "failed/", sender = "orders" }
--
-- `iflow serve` takes each file when it is complete, hands it to the sender (its transforms make
-- messages of it), and moves it to `done` when all of them are durable in the outbox. One file at a
-- time, the oldest first. Paths are relative to the current directory, as in a shell.
-- Options besides the patterns (there may be several; lua/iflow/service/glob.lua):
--   done     directory for files whose messages are in the outbox; made when it is missing. Where a
--            file has the name already, the time is added to it. May be on another file system.
--   failed   directory for files that could not be read, or failed as a whole. NAME.error beside
--            one says when, why, and what to do.
--   sender   name of the sender; or function(file) -> name, or iflow.reject("why")
--   run      instead of a sender: function(file), which does with it what it likes. It failed when
--            it ends as a job fails (lua/iflow/cron.lua); iflow.retry_after("5m") leaves the file
--            where it is for that time.
--   name     of the trigger, in logs and for what it remembers in the outbox; default: made of the
--            first pattern ("inbox-csv")
--   settle   a file is complete when its size and time stayed the same for so long, "2s" by
--            default; "0s" where files are only ever moved into the directory
--   rescan   how often the directory is read when nothing seems to happen, "30s" by default: other
--            clients of a network file system cause no events
-- Left alone are hidden files (".name"), *.tmp, *.part, *.filepart, directories and links.
--
-- After a crash the file that was under way is taken again; what was stored of it before is known
-- by the place of its messages in the file. So transforms have to make the same messages of the
-- same file again, in the same order.
--
-- A file has path (absolute), name, size, mtime (seconds since 1970) and id, which is the same when
-- it is taken again: a function does best to sender:enqueue(payload, { ids = file.id }), which
-- knows then what it stored before.
--
-- Single records that a transform rejects become dead letters in the outbox (`iflow outbox list`),
-- and the file goes to `done`. A file that changes after it was taken goes to `failed`: what was
-- sent of it stands in NAME.error.

local caller = require "iflow.caller"
local check = require("iflow.service.files.definition").check
local registry = require "iflow.registry"

local files = { __name = "iflow.files", kind = "files" }
files.__index = files

--- Starts it for a service; see lua/iflow/service/files.lua.
function files:start(service) return require "iflow.service.files" (self, service) end

--- Whether it could be started: true | nil, err.
function files:check(service) return require "iflow.service.files".check(self, service) end

function files:__tostring() return "iflow.files: " .. self.name end

--- Defines one: raises at that line when something is wrong. Returns it.
return function(options)
  local checked = check(options, 2)
  local self = setmetatable({ name = checked.name, options = checked, place = caller.place(2) },
    files)
  registry.add_trigger(self, 2)
  return self
end
