-- bench.lua -- what a row works with: it runs programs, measures what they cost, interleaves those
-- that are compared, and collects the entries of the report.
local endpoint = require "scripts.benchmarks.lib.endpoint"

local bench = {}
bench.__index = bench

local function quote(s) return "'" .. tostring(s):gsub("'", "'\\''") .. "'" end

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

local function lines_of(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "a"
end

--- options: quick and tiny, whether rounds are fewer and sizes smaller.
function bench.new(options)
  local work = assert(os.getenv "BENCH_WORK", "start it with scripts/bench")
  local cpus = tonumber(lines_of "nproc")
  return setmetatable({ work = work, build = os.getenv "IFLOW_BUILD", entries = {}, notes = {},
    quick = options.quick or options.tiny, tiny = options.tiny, server_cpu = 0,
    client_cpu = cpus > 1 and 1 or 0, found = {} }, bench)
end

--- The host binary.
function bench:iflow() return self.build .. "/bin/iflow" end

--- The host binary with libcurl within it; nil when it is not built.
function bench.static_iflow()
  local dir = os.getenv "IFLOW_STATIC_BUILD"
  return dir and dir .. "/bin/iflow"
end

--- A file of scripts/benchmarks.
function bench.file(name) return "scripts/benchmarks/" .. name end

--- The size of something: full, a part of it with --quick, very few in the command's own test.
function bench:size(full, quick, tiny)
  if self.tiny then return tiny or math.max(1, full // 1000) end
  return self.quick and (quick or full // 4) or full
end

--- How often each of those that are compared is run.
function bench:rounds() return self.tiny and 1 or self.quick and 3 or 5 end

--- nginx, started when the first row asks for it.
function bench:endpoint()
  self.nginx = self.nginx or endpoint.start(self)
  return self.nginx
end

--- A server behind nginx's /slow/MS, which answers after so many milliseconds.
function bench:slow_server()
  local to = self:endpoint()
  if not self.slow then
    self.slow = self:spawn(("lua5.4 %s %d"):format(bench.file "peers/slow_server.lua",
      to.slow_port))
    endpoint.wait_port(to.slow_port)
  end
  return to.url .. "/slow/"
end

-- Programs ------------------------------------------------------------------------------------

local function command_line(command)
  local words = { "env" }
  for name, value in pairs(command.env or {}) do words[#words + 1] = quote(name .. "=" .. value) end
  for _, word in ipairs(command) do words[#words + 1] = quote(word) end
  return table.concat(words, " ")
end

--- Starts a server that ends with the benchmark; its process id. cpu: the server's by default.
function bench:spawn(line, cpu)
  local pid = lines_of(("taskset -c %d %s </dev/null >>%s/spawned.log 2>&1 & echo $!"):format(
    cpu or self.server_cpu, line, self.work))
  local list <close> = assert(io.open(self.work .. "/pids", "a"))
  list:write(pid)
  return tonumber(pid)
end

--- Ends what spawn started.
function bench.stop(pid)
  os.execute(("kill %d 2>/dev/null"):format(pid))
  while os.execute(("kill -0 %d 2>/dev/null"):format(pid)) do os.execute "sleep 0.01" end
end

--- Runs { program, argument, …, env = { NAME = value }, stdin = path, cpu = of the client by
--- default, may_fail = true } to its end: { wall, user, system, cpu (user + system; seconds),
--- rss (MiB), code, out }. Raises with what it wrote when it fails.
function bench:run(command)
  local report = self.work .. "/measured"
  local line = ("%s/measure %s %d %s <%s 2>%s/stderr"):format(self.work, report,
    command.cpu or self.client_cpu, command_line(command), command.stdin or "/dev/null", self.work)
  local out = lines_of(line)
  local wall, user, system, rss, code = (read(report) or ""):match "(%S+) (%S+) (%S+) (%S+) (%S+)"
  if not code or code ~= "0" and not command.may_fail then
    error(("%s ended with code %s: %s%s"):format(line, code, out,
      (read(self.work .. "/stderr") or ""):sub(-2000)), 0)
  end
  return { wall = tonumber(wall), user = tonumber(user), system = tonumber(system),
    cpu = user + system, rss = rss / 1024, code = tonumber(code), out = out }
end

--- The instructions that a command needs in user mode, counted by callgrind; nil without it.
--- option: one more of callgrind's.
function bench:instructions(command, option)
  if not self:has "valgrind" then return nil end
  local words = { "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", option,
    env = command.env, stdin = command.stdin, may_fail = command.may_fail }
  table.move(command, 1, #command, #words + 1, words)
  local run = self:run(words)
  local text = read(self.work .. "/stderr")
  return assert(tonumber(text:match "Collected : (%d+)"), text), run
end

--- Whether the program is installed.
function bench:has(program)
  if self.found[program] == nil then
    self.found[program] = os.execute(("command -v %s >/dev/null"):format(program)) == true
  end
  return self.found[program]
end

--- Whether a shell command succeeds; for peers that are libraries.
function bench.succeeds(command)
  return os.execute("(" .. command .. ") >/dev/null 2>&1") == true
end

-- Comparing -----------------------------------------------------------------------------------

local function median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local middle = (#sorted + 1) // 2
  return #sorted % 2 == 1 and sorted[middle] or (sorted[middle] + sorted[middle + 1]) / 2
end
bench.median = median

--- Runs all candidates in turn, for some rounds (bench:rounds() by default). candidates: list of
--- { name =, run = function() -> value, slow = true: fewer rounds will do for what is far away },
--- the product first. Returns a function of a name: its median value, and the median of the
--- product's ratios to it, each taken within one round.
function bench:compare(candidates, rounds)
  local values = {}
  for _, candidate in ipairs(candidates) do values[candidate.name] = {} end
  local of_slow = self.quick and 1 or 2
  for round = 1, rounds or self:rounds() do
    for _, candidate in ipairs(candidates) do
      local of_candidate = values[candidate.name]
      if not candidate.slow or round <= of_slow then of_candidate[round] = candidate.run() end
    end
  end
  local ours = values[candidates[1].name]
  return function(name)
    local ratios = {}
    for i, value in ipairs(values[name]) do ratios[i] = ours[i] / value end
    return median(values[name]), median(ratios)
  end
end

--- Adds an entry: id, value, unit, and where it is compared: ratio_to (the yardstick's name),
--- ratio (value to the yardstick's) or theirs (from which it is calculated), missing = true when
--- the yardstick is not installed; at_most or at_least: the goal of the ratio, or of the value when
--- there is no ratio.
function bench:add(entry)
  if entry.theirs and not entry.ratio then entry.ratio = entry.value / entry.theirs end
  self.entries[#self.entries + 1] = entry
  io.stderr:write(("  %s: %.4g %s%s\n"):format(entry.id, entry.value, entry.unit,
    entry.ratio and (", %.3g of %s"):format(entry.ratio, entry.ratio_to) or ""))
end

--- Compares the candidates and adds an entry for each yardstick. what: id, unit, peers (list of
--- { name, run, needs = function() -> whether it is installed }), ours (run), goals = { name =
--- { at_most = n } }, rounds.
function bench:versus(what)
  local candidates = { { name = "iflow", run = what.ours } }
  for _, peer in ipairs(what.peers) do
    if not peer.missing then candidates[#candidates + 1] = peer end
  end
  local result = self:compare(candidates, what.rounds)
  local value = result "iflow"
  for _, peer in ipairs(what.peers) do
    local goal = what.goals and what.goals[peer.name] or {}
    local ratio
    if not peer.missing then ratio = select(2, result(peer.name)) end
    self:add { id = what.id, value = value, unit = what.unit, ratio_to = peer.name, ratio = ratio,
      missing = peer.missing, at_most = goal.at_most, at_least = goal.at_least }
  end
  return result
end

return bench
