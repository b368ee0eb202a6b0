-- Every example in README.md is run: the shell blocks of "Install" where the project lies, the
-- others one after the other in one empty directory, the Lua blocks as programs of stock Lua there.
-- The ports that README names are exchanged for free ones, each for the same one everywhere.
local process = require "spec.support.process"

-- The fenced blocks of the text: { language, text, section }.
local function blocks(text)
  local list, section, current = {}, "", nil
  for line in text:gmatch "([^\n]*)\n" do
    if current and line == "```" then
      list[#list + 1], current = current, nil
    elseif current then
      current.text = current.text .. line .. "\n"
    elseif line:find "^```" then
      current = { language = line:sub(4), text = "", section = section }
    elseif line:find "^## " then
      section = line:sub(4)
    end
  end
  return list
end

-- Commands that another spec runs, or that are what runs just now.
local function elsewhere(line)
  return line:find "^luarocks .* rocks/iflow%-scm%-1%.rockspec$" -- rock_spec.lua takes this line
    or line:find "^sudo apt%-get install %./build/.*%.deb$" -- package_spec.lua does this with dpkg
    or line:find "^scripts/setup %-%-static$" or line:find " build%-static" -- static_spec.lua
end

-- A function that exchanges the ports of a text.
local function new_ports()
  local free, taken = {}, {}
  local function port_for(port)
    while not free[port] do
      local candidate = process.free_port()
      if not taken[candidate] then free[port], taken[candidate] = candidate, true end
    end
    return free[port]
  end
  return function(text)
    return (text:gsub("(127%.0%.0%.1:)(%d+)", function(to, port) return to .. port_for(port) end))
  end
end

-- The blocks are one session: what one exports the next one finds.
local function script_of(text, dir)
  local session = process.quote(dir:file ".session")
  local lines = { "set -eu", ("if [ -f %s ]; then . %s; fi"):format(session, session) }
  for line in text:gmatch "([^\n]*)\n" do
    if not elsewhere(line) then lines[#lines + 1] = line end
  end
  lines[#lines + 1] = "export -p >" .. session
  return table.concat(lines, "\n") .. "\n"
end

local function home_of(dir)
  return { HOME = dir.path, XDG_CACHE_HOME = dir:file ".cache",
           PATH = dir:file ".local/bin" .. ":" .. os.getenv "PATH" }
end

local function succeeds(command, what)
  command.timeout = 300
  local result = process.run(command)
  assert.equal(0, result.code, what .. "\n" .. result.out .. result.err)
  return result.out
end

-- The command lines of running processes that name the path.
local function processes_naming(path)
  local found = {}
  for pid in process.run({ "ls", "/proc" }).out:gmatch "%d+" do
    local line = process.read("/proc/" .. pid .. "/cmdline") or ""
    if line:find(path, 1, true) then found[#found + 1] = line end
  end
  return found
end

-- What GitHub makes of a heading.
local function anchor(heading)
  return (heading:lower():gsub("[^%w%- ]", ""):gsub(" ", "-"))
end

-- The links of a text that lead nowhere: to a heading of its own, or to a file.
local function dead_links(text, folder)
  local known, dead = {}, {}
  for heading in text:gmatch "\n##+ ([^\n]+)" do known["#" .. anchor(heading)] = true end
  for target in text:gmatch "%]%(([^)%s]+)%)" do
    local fine = target:find "^https?://" or known[target] or process.read(folder .. target)
    if not fine then dead[#dead + 1] = target end
  end
  return dead
end

describe("README.md", function()
  local text = assert(process.read "README.md")

  it("opens with the demo and the tests", function()
    local first = text:match "\n    (%S+)"
    assert.equal("scripts/demo", first)
    assert.equal("scripts/test", text:match "\n    scripts/demo[^\n]*\n    (%S+)")
  end)

  it("has links that lead somewhere, as have the notes for contributors", function()
    assert.same({}, dead_links(text, ""))
    assert.same({}, dead_links(process.read ".github/CONTRIBUTING.md", ".github/"))
    assert.same({ "#nowhere" }, dead_links("\n## A b\n[x](#a-b) [y](#nowhere) [z](README.md)", ""))
  end)

  it("has a demo that delivers everything, three times, and leaves nothing", function()
    local dir <close> = process.tempdir()
    local env = home_of(dir)
    env.TMPDIR = dir:file "tmp"
    assert(os.execute("mkdir " .. env.TMPDIR))
    local out = succeeds({ "scripts/demo", env = env }, "scripts/demo")
    local rows = {}
    for name, sent, delivered, rejected, first, last in
      out:gmatch "\n([%a ]-)%s+(%d+)%s+(%d+)%s+(%d+)%s+(%S+)%s+(%S+)" do
      rows[#rows + 1] = name
      assert.is_true(tonumber(sent) >= 50)
      assert.equal(sent, delivered)
      assert.equal("0", rejected)
      assert.not_equal(first, last)
    end
    assert.same({ "client secret", "certificate", "external certificate" }, rows)
    assert.equal("", process.run({ "ls", "-A", env.TMPDIR }).out)
    assert.same({}, processes_naming(env.TMPDIR))
  end)

  it("has examples that work", function()
    local dir <close> = process.tempdir()
    local _ <close> = setmetatable({}, { __close = function()
      -- Only when an example failed on the way does it still run.
      process.run { process.iflow, "sandbox", "stop", "--dir", dir:file "tenant" }
    end })
    local build = os.getenv "IFLOW_BUILD"
    local ran, with_free_ports = 0, new_ports()
    for i, block in ipairs(blocks(text)) do
      local env = home_of(dir)
      local name = ("block %d (%s)"):format(i, block.section)
      if block.language == "sh" then
        local script = dir:write("block.sh", script_of(with_free_ports(block.text), dir))
        local where = block.section == "Install" and "." or dir.path
        succeeds({ "bash", script, dir = where, env = env }, name)
      else
        assert.equal("lua", block.language)
        env.LUA_PATH = os.getenv "LUA_PATH"
        env.LUA_CPATH = build .. "/?.so;;"
        succeeds({ "lua5.4", dir:write("block.lua", block.text), dir = dir.path, env = env }, name)
      end
      ran = ran + 1
    end
    assert.is_true(ran >= 8)
  end)
end)
