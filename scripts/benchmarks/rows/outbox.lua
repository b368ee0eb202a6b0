-- outbox.lua -- the outbox by itself: durable enqueue by 64 producers against a plain C loop over
-- SQLite with the same rows and batches, and claim with acknowledge in front of a long backlog.
local PRODUCERS = 64

local function fresh(bench)
  bench.boxes = (bench.boxes or 0) + 1
  return ("%s/box-%d.db"):format(bench.work, bench.boxes)
end

local function remove(path) os.execute(("rm -rf %s*"):format(path)) end

local function enqueue(bench)
  local rows, loop = bench:size(20000, 6000, 64), bench.work .. "/sqlite_loop"
  local compiled = bench.succeeds(("cc -O2 -o %s %s -lsqlite3"):format(loop,
    bench.file "peers/sqlite_loop.c"))
  local function rate(...)
    local command = { ... }
    return function()
      local path = fresh(bench)
      local line = { cpu = -1 }
      for i, word in ipairs(command) do line[i] = word == "PATH" and path or word end
      local result = tonumber(bench:run(line).out)
      remove(path)
      return result
    end
  end
  bench:versus { id = "outbox.enqueue", unit = "messages/s", ours = rate("lua5.4",
    bench.file "peers/iflow_outbox.lua", "enqueue", "PATH", rows, PRODUCERS), peers = {
    { name = "C loop over SQLite", missing = not compiled, run = rate(loop, "PATH", rows,
      PRODUCERS) } }, goals = { ["C loop over SQLite"] = { at_least = 0.7 } } }
end

local function claim(bench)
  local path, backlog = fresh(bench), bench:size(1000000, 50000, 1000)
  local run = bench:run { "lua5.4", bench.file "peers/iflow_outbox.lua", "claim", path, backlog,
    bench:size(2500, 1000, 250), bench:rounds(), cpu = -1 }
  remove(path)
  local small, large = run.out:match "(%S+)%s+(%S+)"
  bench:add { id = "outbox.claim_1m", value = tonumber(large), unit = ("us/message, backlog %d")
    :format(backlog), ratio_to = "backlog 1000", theirs = tonumber(small), at_most = 1.8 }
end

return { { id = "outbox.enqueue", run = enqueue }, { id = "outbox.claim_1m", run = claim } }
