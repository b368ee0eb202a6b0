-- iflow_outbox.lua -- the outbox by itself, in stock Lua:
--   lua5.4 iflow_outbox.lua enqueue PATH ROWS PRODUCERS      prints rows a second
--   lua5.4 iflow_outbox.lua claim PATH BACKLOG ROWS ROUNDS   prints microseconds a row for claim
--     and acknowledge with 1,000 messages in the outbox, then with BACKLOG; the rounds' median
local core = require "iflow.core"
local now = require "fine_clock"
local outbox = require "iflow.outbox"

local BODY, CLAIM = ("x"):rep(1024), 250

local number = 0

local function fill(box, rows, width)
  local tasks, left = {}, rows
  for i = 1, width do
    tasks[i] = core.task.spawn(function()
      while left > 0 do
        left, number = left - 1, number + 1
        assert(box:enqueue { sender = "bench", id = ("%016d"):format(number), body = BODY })
      end
    end)
  end
  for _, task in ipairs(tasks) do task:join() end
end

local function enqueue(path, rows, producers)
  local box <close> = assert(outbox.open { path = path })
  local began = now()
  fill(box, rows, producers)
  print(rows / (now() - began))
end

-- Filled without waiting for the disk each time; measured with it.
local function filled(path, backlog)
  local box = assert(outbox.open { path = path, durability = "normal" })
  fill(box, backlog, 256)
  box:close()
  return assert(outbox.open { path = path })
end

-- Seconds for claim and acknowledge; the backlog stays as long as it was.
local function take(box, rows)
  local seconds = 0
  for _ = 1, rows // CLAIM do
    local began = now()
    local list = assert(box:claim("bench", CLAIM))
    assert(#list == CLAIM)
    assert(box:delivered(list, { status = 200 }))
    seconds = seconds + now() - began
    fill(box, CLAIM, CLAIM)
  end
  return seconds
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local function claim(path, backlog, rows, rounds)
  local small <close> = filled(path .. "-small", 1000)
  local large <close> = filled(path, backlog)
  local of_small, of_large = {}, {}
  for i = 1, rounds do
    of_small[i] = take(small, rows) / rows * 1e6
    of_large[i] = take(large, rows) / rows * 1e6
  end
  print(median(of_small), median(of_large))
end

core.task.run(arg[1] == "claim" and claim or enqueue, arg[2], tonumber(arg[3]), tonumber(arg[4]),
  tonumber(arg[5]))
