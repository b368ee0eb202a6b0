-- producer.lua -- a program: systems that post to the relays of the harness. Each key of each
-- sender posts one message after the other, "KEY NUMBER" with an id of its own and sometimes a
-- large body, and repeats one until it is answered as accepted or known. With the word "files"
-- somebody else moves files of lines "dFILE NUMBER" into the directory INBOX. A line in ACCEPTED
-- says what was accepted: sender, name. It ends when there is a file ACCEPTED.stop, after what it
-- has begun is accepted.
--   lua5.4 spec/support/harness/producer.lua ADDRESS ACCEPTED INBOX KEYS PAUSE [files]
local core = require "iflow.core"

local address, path, inbox = arg[1], arg[2], arg[3]
local keys, pause, files = tonumber(arg[4]), tonumber(arg[5]), arg[6]
local LINES = 5 -- of a dropped file
local LARGE = ("\n"):rep(1200 * 1024) -- more than the outbox keeps in its database
local LARGE_EVERY = 20
local accepted = assert(io.open(path, "a"))
accepted:setvbuf "line"

local stopped = false

local function post(sender, id, body)
  local answer = core.http.request { url = ("http://%s/%s"):format(address, sender),
    method = "POST", body = body, proxy = "", timeout = 30,
    headers = { ["SAP_ApplicationID"] = id, ["Content-Type"] = "text/plain" } }
  if not answer or answer.status == 429 or answer.status >= 500 then return false end
  if answer.status == 202 or answer.status == 200 then return true end
  error(("a relay answered %d: %s"):format(answer.status, answer.body), 0)
end

local function produce(sender, key)
  local number = 0
  while not stopped do
    number = number + 1
    local id, body = ("%s-%s-%d"):format(sender, key, number), ("%s %d"):format(key, number)
    if number % LARGE_EVERY == 0 then body = body .. LARGE end
    while not post(sender, id, body) do core.task.sleep(0.02) end
    accepted:write(sender, " ", id, "\n")
    core.task.sleep(math.random() * 2 * pause)
  end
end

local function drop(number)
  local lines, names = {}, {}
  for i = 1, LINES do
    lines[i] = ("d%d %d\n"):format(number, i)
    names[i] = ("drops drops-d%d-%d\n"):format(number, i)
  end
  local name = ("%s/d%d.txt"):format(inbox, number)
  assert(core.file.write(name .. ".part", table.concat(lines)))
  assert(os.rename(name .. ".part", name))
  accepted:write(table.concat(names))
  accepted:flush()
end

local function drop_files()
  local number = 0
  while not stopped do
    number = number + 1
    drop(number)
    core.task.sleep(math.random() * 20 * pause)
  end
end

core.task.run(function()
  if files == "files" then core.task.spawn(drop_files) end
  for i = 1, keys do
    for _, sender in ipairs { "orders", "payments", "invoices" } do
      core.task.spawn(function() produce(sender, "k" .. i) end)
    end
  end
  while not core.file.stat(path .. ".stop") do core.task.sleep(0.05) end
  stopped = true
end)
