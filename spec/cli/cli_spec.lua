-- cli_spec.lua -- runs the golden command tests beside it. A test is a file NAME.t:
--   # a comment
--   $ iflow token --servce-key k.json     a shell command, in an empty directory the file shares
--   > a line of standard output           "…" stands for any text of a line, a lone "…" for any
--   ! a line of standard error            lines, none included
--   = 2                                    the exit code; 0 when left out
-- Commands run with HOME in that directory, $ROOT at the checkout and no variables of ours
-- but what makes sandboxes start soon. What
-- they leave running in a sandbox directory is stopped.
local process = require "spec.support.process"

local here = "spec/cli"

-- Reading ----------------------------------------------------------------------------------------

local function read_steps(path)
  local steps, number = {}, 0
  for line in io.lines(path) do
    number = number + 1
    local mark, text = line:match "^([$>!=]) ?(.*)$"
    local step = steps[#steps]
    if mark == "$" then
      steps[#steps + 1] = { line = number, command = text, out = {}, err = {}, code = 0 }
    elseif mark == ">" then
      table.insert(step.out, text)
    elseif mark == "!" then
      table.insert(step.err, text)
    elseif mark == "=" then
      step.code = math.tointeger(tonumber(text:match "^%d+"))
    elseif line ~= "" and line:sub(1, 1) ~= "#" then
      error(("%s:%d: not a line of a golden test"):format(path, number))
    end
  end
  return steps
end

local function files()
  local pipe = assert(io.popen(("ls %s/*.t"):format(here)))
  local list = {}
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

-- Comparing --------------------------------------------------------------------------------------

local function lines_of(text)
  local list = {}
  if text ~= "" and text:sub(-1) ~= "\n" then text = text .. "\n" end
  for line in text:gmatch "(.-)\r?\n" do list[#list + 1] = line end
  return list
end

local function line_matches(expected, line)
  local pattern = expected:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("…", ".*")
  return line:find("^" .. pattern .. "$") ~= nil
end

local function lines_match(expected, lines, e, l)
  if e > #expected then return l > #lines end
  if expected[e] == "…" then
    for from = l, #lines + 1 do
      if lines_match(expected, lines, e + 1, from) then return true end
    end
    return false
  end
  return l <= #lines and line_matches(expected[e], lines[l])
    and lines_match(expected, lines, e + 1, l + 1)
end

local function check(path, step, result)
  local function differs(what, expected, got)
    error(("%s:%d: $ %s\n%s, expected:\n%s\ngot:\n%s\n(exit code %d, standard error:\n%s)"):format(
      path, step.line, step.command, what, expected, got, result.code, result.err), 0)
  end
  if step.code ~= result.code then differs("exit code", step.code, result.code) end
  for stream, expected in pairs { out = step.out, err = step.err } do
    if not lines_match(expected, lines_of(result[stream]), 1, 1) then
      differs(stream, table.concat(expected, "\n"), result[stream])
    end
  end
end

-- Running ----------------------------------------------------------------------------------------

local function environment(dir)
  local bin = assert(process.iflow, "IFLOW_BIN must name the host binary")
  local words = { "env", "-i", "HOME=" .. dir.path, "ROOT=" .. os.getenv "PWD", "LC_ALL=C.UTF-8",
    ("PATH=%s:%s"):format(bin:match "^(.*)/[^/]*$", os.getenv "PATH") }
  for _, name in ipairs { "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS",
    "IFLOW_SANDBOX_KEYS" } do
    if os.getenv(name) then words[#words + 1] = name .. "=" .. os.getenv(name) end
  end
  return words
end

local function stop_sandboxes(words, dir)
  local command = { "sh", "-c",
    "for f in */endpoints.json; do test -e $f && iflow sandbox stop --dir ${f%/*}; done" }
  words.dir = dir.path
  process.run(table.move(command, 1, #command, #words + 1, words))
end

local function run_file(path)
  local dir <close> = process.tempdir()
  local cleanup <close> = setmetatable({}, { __close = function()
    stop_sandboxes(environment(dir), dir)
  end })
  for _, step in ipairs(read_steps(path)) do
    local words = environment(dir)
    for _, word in ipairs { "sh", "-c", step.command } do words[#words + 1] = word end
    words.dir = dir.path
    check(path, step, process.run(words))
  end
  return cleanup
end

describe("iflow on the command line", function()
  for _, path in ipairs(files()) do
    it("does what " .. path .. " says", function() run_file(path) end)
  end
end)
