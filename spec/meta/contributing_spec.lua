-- What .github/CONTRIBUTING.md tells a newcomer is true: its templates are put into a copy of the
-- tree, and there they work, are tested by their own specs, and need no other file to be edited.
local core = require "iflow.core"
local process = require "spec.support.process"

local GUIDE = ".github/CONTRIBUTING.md"

-- The templates: path -> text. The line before a block names its file: `path`:
local function templates()
  local found, path, lines = {}, nil, nil
  for line in assert(process.read(GUIDE)):gmatch "([^\n]*)\n" do
    if lines and line == "```" then
      found[path], path, lines = table.concat(lines, "\n") .. "\n", nil, nil
    elseif lines then
      lines[#lines + 1] = line
    elseif line:find "^```" then
      assert(path, "a block without a file: " .. line)
      lines = {}
    elseif line ~= "" then
      path = line:match "^`([%w_./-]+)`:$"
    end
  end
  return found
end

local function shell(text, where)
  local result = process.run { "sh", "-euc", text, dir = where, timeout = 300 }
  assert.equal(0, result.code, text .. "\n" .. result.out .. result.err)
  return result.out
end

local root = os.getenv "PWD"

-- A copy of what the templates stand on, with the templates whose paths match in it.
local function copy_with(...)
  local dir = process.tempdir()
  shell(("mkdir -p %s/spec/cli && cp -R lua %s && ln -s %s/spec/support %s/spec"):format(
    dir.path, dir.path, root, dir.path))
  local specs = {}
  for path, text in pairs(templates()) do
    for _, pattern in ipairs { ... } do
      if path:find(pattern) then
        assert.is_nil(process.read(path), path .. " is there already")
        shell(("mkdir -p '%s'"):format(dir:file(path):match "^(.*)/"))
        dir:write(path, text)
        if path:find "_spec%.lua$" then specs[#specs + 1] = path end
      end
    end
  end
  table.sort(specs)
  return dir, specs
end

-- Runs specs in the copy; how many tests went well.
local function busted(dir, specs, with)
  local words = { "lua5.4", "/usr/bin/busted", "-o", "plainTerminal", dir = dir.path, timeout = 300,
    env = { LUA_PATH = ("%s/lua/?.lua;%s/?.lua;;"):format(dir.path, dir.path),
            LUA_CPATH = (with.module or os.getenv "IFLOW_BUILD") .. "/?.so;;",
            IFLOW_BIN = with.bin or process.iflow, PWD = dir.path } }
  for _, word in ipairs(specs) do words[#words + 1] = word end
  for _, word in ipairs(with) do words[#words + 1] = word end
  local result = process.run(words)
  local good, bad, broken = result.out:match "(%d+) success%a* / (%d+) failure%a* / (%d+) error"
  assert.same({ 0, "0", "0" }, { result.code, bad, broken }, result.out .. result.err)
  return tonumber(good)
end

-- Warnings are errors for luacheck.
local function check_style(dir, specs)
  local words = { "luacheck", "-q", "--config", root .. "/.luacheckrc", dir = dir.path }
  for path in pairs(templates()) do
    if path:find "%.lua$" and process.read(dir:file(path)) then words[#words + 1] = path end
  end
  local result = process.run(words)
  assert.equal(0, result.code, result.out .. result.err)
  assert.is_true(#specs > 0)
end

-- The two lines that the notes name, put into the sources of the copy.
local function enter_backend(dir)
  local function edit(path, from, mark)
    local line = assert(process.read(GUIDE):match("\n    (" .. mark .. "[^\n]*)"))
    local text = assert(process.read(dir:file(path)))
    local first, last = assert(text:find(from, 1, true))
    dir:write(path, text:sub(1, first - 1) .. line .. text:sub(last + 1))
  end
  edit("src/outbox/driver.h", "/* The version of SQLite. */",
    "extern const struct ifl_outbox_driver ")
  edit("src/outbox/outbox.c",
    "static const struct ifl_outbox_driver *const drivers[] = { &ifl_outbox_sqlite };",
    "static const struct ifl_outbox_driver %*const")
end

-- Compiles outbox.c and example.c of the copy and links them as the build does it, with everything
-- else from there.
local function build_module(dir)
  local build = os.getenv "IFLOW_BUILD"
  local command
  for _, entry in ipairs(core.json.decode(process.read(build .. "/compile_commands.json"))) do
    if entry.file == root .. "/src/outbox/outbox.c" then command = entry.command end
  end
  command = assert(command):gsub(" %-o .*", "")
    :gsub("%-I%S+/src ", "-I" .. dir:file "src" .. " -Werror ")
  local objects = {}
  for i, name in ipairs { "outbox", "example" } do
    objects[i] = dir:file(name .. ".o")
    shell(("%s -O0 -o %s -c %s/src/outbox/%s.c"):format(command, objects[i], dir.path, name), build)
  end
  local link = shell("ninja -t commands iflow/core.so | tail -n 1", build)
    :gsub("%S+/outbox/outbox%.c%.o", table.concat(objects, " "))
    :gsub(" %-o iflow/core%.so", " -o " .. dir:file "module/iflow/core.so")
  shell(("mkdir -p %s"):format(dir:file "module/iflow"))
  shell(link, build)
end

describe("a newcomer who follows the notes", function()
  it("has a transform in one new file and one new spec", function()
    local dir <close>, specs = copy_with "transform/"
    check_style(dir, specs)
    assert.same({ "spec/unit/lua/transform/mask_spec.lua" }, specs)
    assert.is_true(busted(dir, specs, {}) >= 4)
  end)

  it("has a command in one new file and one golden test", function()
    local dir <close> = copy_with("cmd/", "spec/cli/")
    shell(("cp spec/cli/cli_spec.lua %s/spec/cli && mkdir %s/bin"):format(dir.path, dir.path))
    dir:write("bin/iflow", ("#!/bin/sh\nIFLOW_LUADIR=%s/lua exec %s \"$@\"\n"):format(dir.path,
      process.iflow))
    shell(("chmod +x %s/bin/iflow"):format(dir.path))
    check_style(dir, { "spec/cli/cli_spec.lua" })
    assert.equal(1, busted(dir, { "spec/cli/cli_spec.lua" }, { bin = dir:file "bin/iflow" }))
    local file <close> = assert(io.open(dir:file "spec/cli/roles.t", "a"))
    file:write "$ iflow roles --help | grep -c roles\n> none\n"
    file:close()
    local words = { "lua5.4", "/usr/bin/busted", "spec/cli/cli_spec.lua", dir = dir.path,
      env = { IFLOW_BIN = dir:file "bin/iflow", PWD = dir.path } }
    assert.not_equal(0, process.run(words).code) -- the golden test looks at all of it
  end)

  it("has a sandbox behaviour in one new file and one new spec", function()
    local dir <close>, specs = copy_with "413"
    check_style(dir, specs)
    assert.equal(1, busted(dir, specs, {}))
    local help = process.run { process.iflow, "sandbox", "fault", "--help",
                               env = { IFLOW_LUADIR = dir:file "lua" } }
    assert.is_truthy(help.out:find "\n%s*413: ")
  end)

  -- #stock: the sanitizers' module needs an interpreter of their own.
  it("has an outbox backend in one new file, two lines and one new spec #stock", function()
    local dir <close>, specs = copy_with "example"
    shell(("cp -Rn src %s && ln -s %s/spec/unit/outbox/conf*.lua %s"):format(dir.path, root,
      dir:file "spec/unit/outbox"))
    enter_backend(dir)
    build_module(dir)
    assert.is_true(busted(dir, specs, { "--filter=enqueue", module = dir:file "module" }) > 3)
  end)
end)
