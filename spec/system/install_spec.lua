-- What cmake --install puts beside the program: manual pages, and completion in real shells.
local annotations = dofile "scripts/package/annotations.lua"
local catalogue = require "iflow.cli.catalogue"
local core = require "iflow.core"
local installed = require "spec.support.installed"
local process = require "spec.support.process"
local rows = require "iflow.cli.rows"

local function found(program)
  return process.run({ "sh", "-c", "command -v " .. program }).code == 0
end

local function commands()
  local names = {}
  for name in installed.succeeds({ "ls", "lua/iflow/cmd" }):gmatch "([%w-]+)%.lua" do
    names[name] = true
  end
  return names
end

-- A page as its reader sees it, on a line each paragraph.
local function rendered(path)
  return (installed.succeeds { "mandoc", "-Tutf8", "-O", "width=1000", path }:gsub(".\b", ""))
end

local function page_of(name) return name:gsub(" ", "-") .. ".1" end

describe("what is installed #stock", function()
  local dir

  setup(function()
    dir = process.tempdir()
    installed.install(dir.path)
    catalogue.set_host { commands = commands, version = core.version }
  end)

  teardown(function() dir:close() end)

  it("is a program, and a module for stock Lua", function()
    assert.equal("iflow " .. core.version .. "\n",
      installed.succeeds { dir:file "bin/iflow", "--version" })
    local lua = installed.succeeds { "lua5.4", "-e", "print(require 'iflow'.version)", env = {
      LUA_PATH = dir:file "share/lua/5.4/?.lua",
      LUA_CPATH = ("%s;%s"):format(dir:file "lib/lua/5.4/?.so",
        dir:file "lib/x86_64-linux-gnu/lua/5.4/?.so") } }
    assert.equal(core.version .. "\n", lua)
  end)

  it("is a unit for the program where it lies", function()
    local unit = installed.unit(dir:file "lib/systemd/system/iflow@.service", "orders", {})
    assert.same({ dir:file "bin/iflow" .. " serve /etc/iflow/orders.lua" }, unit.ExecStart)
  end)

  it("is a page for every command, with every option", function()
    local count = 0
    for _, entry in ipairs(catalogue.all()) do
      local text = assert(process.read(dir:file("share/man/man1/" .. page_of(entry.name))))
      for _, row in ipairs(entry.command.options or {}) do
        local name = rows.long_name(row):gsub("-", "\\-")
        assert.is_truthy(text:find("\\fB" .. name .. "\\fR", 1, true), entry.name .. " " .. name)
      end
      count = count + 1
    end
    local _, pages = installed.succeeds({ "ls", dir:file "share/man/man1" }):gsub("\n", "")
    assert.equal(count, pages)
  end)

  it("is a page for every function of the module", function()
    local lines, count = {}, 0
    for line in rendered(dir:file "share/man/man3/iflow.3lua"):gmatch "%s*([^\n]*)" do
      lines[line] = true
    end
    for _, topic in ipairs(annotations.read("lua/iflow/meta").topics) do
      for _, fn in ipairs(topic.functions) do
        local signature = annotations.signature(fn)
        assert.is_true(lines[signature], signature)
        count = count + 1
      end
    end
    assert.is_true(count > 50)
  end)

  it("has pages that the formatters take without a word", function()
    local lint = process.run { "sh", "-c", "mandoc -Tlint -W warning share/man/man*/*",
      dir = dir.path }
    assert.same({ 0, "" }, { lint.code, lint.out .. lint.err })
    if not found "groff" or not found "man" then return end
    for _, page in ipairs { "1/iflow.1", "1/iflow-run.1", "3/iflow.3lua" } do
      local man = process.run { "man", "--warnings", "-Tutf8", "-l",
        dir:file("share/man/man" .. page),
        env = { LC_ALL = "C.UTF-8", MANPAGER = "cat" } }
      assert.same({ 0, "" }, { man.code, man.err })
    end
    assert.is_truthy(installed.succeeds { "man", "-M", dir:file "share/man", "iflow-run",
      env = { LC_ALL = "C.UTF-8", MANPAGER = "cat" } }:find "dry%-run")
  end)

  describe("completes in", function()
    -- Typed, with a TAB behind it, and what it becomes.
    local LINES = {
      { "iflow ru", "iflow run " },
      { "iflow instance key cr", "iflow instance key create " },
      { "iflow run my", "iflow run my.lua " },
      { "iflow run my.lua --dry", "iflow run my.lua --dry-run " },
      { "iflow run my.lua --sender o", "iflow run my.lua --sender orders " },
      { "iflow run 'my.lua' --sender=i", "iflow run 'my.lua' --sender=invoices " },
      { "iflow run my.lua --job n", "iflow run my.lua --job nightly " },
      { "iflow run --input fol", "iflow run --input folder/" },
      { "iflow sandbox start --dir ", "iflow sandbox start --dir folder/" },
      { "iflow run --cert=my", "iflow run --cert=my.lua " },
      { "iflow call --auth c", "iflow call --auth certificate " },
      { "iflow call --auth=t", "iflow call --auth=token " },
      { "iflow call --client-auth x", "iflow call --client-auth x" },
      { "iflow run my.lua --sender b", "iflow run my.lua --sender big\\ load " },
      { "iflow run a\\ f", "iflow run a\\ file.lua " },
      { 'iflow run "a f', 'iflow run "a file.lua" ' },
      { "iflow run a\\ file.lua --sender l", "iflow run a\\ file.lua --sender last " },
      { "iflow run my.lua --set a=b --dry", "iflow run my.lua --set a=b --dry-run " },
      { "iflow run ~/my.lua --job n", "iflow run ~/my.lua --job nightly " },
    }

    local SCRIPT = [[
      iflow.sender "orders" {} iflow.sender "invoices" {} iflow.cron "nightly" {}
      iflow.sender "big load" {}
      io.open("executed", "w"):close()
    ]]

    -- What the shell makes of them; shell: its words; files: for its home.
    local function types(shell, files, env)
      local home <close> = process.tempdir()
      for name, text in pairs(files) do home:write(name, text) end
      home:write("my.lua", SCRIPT)
      home:write("a file.lua", 'iflow.sender "last" {}')
      assert(core.file.mkdir(home:file "folder", "0700"))
      local command = { "python3", process.run({ "pwd" }).out:match "[^\n]+"
        .. "/spec/support/shell_tab.py", dir = home.path }
      local expected = {}
      for i, line in ipairs(LINES) do
        command[#command + 1], expected[i] = line[1], line[2]
      end
      command[#command + 1] = "--"
      table.move(shell, 1, #shell, #command + 1, command)
      command.env = { HOME = home.path, TERM = "xterm", LC_ALL = "C.UTF-8",
        PATH = dir:file "bin" .. ":" .. os.getenv "PATH" }
      for name, value in pairs(env or {}) do command.env[name] = value end
      assert.same(expected, core.json.decode(installed.succeeds(command)))
      assert.is_nil(process.read(home:file "executed"))
    end

    it("bash", function()
      types({ "bash", "--noprofile", "-i" }, { [".bashrc"] = ("source %s\n"):format(
        dir:file "share/bash-completion/completions/iflow")
        .. [[bind -x '"\C-t": printf "\n<<%s>>\n" "$READLINE_LINE"']] .. "\n" })
    end)

    it("zsh", function()
      types({ "zsh", "-i" }, { [".zshrc"] = ("fpath=(%s $fpath)\n"):format(
        dir:file "share/zsh/site-functions") .. [[
        autoload -U compinit; compinit -u -D
        show() { print -r -- "<<$BUFFER>>" }
        zle -N show; bindkey '^T' show; bindkey '^U' kill-whole-line
      ]] }, { ZDOTDIR = "." })
    end)

    it("fish", function()
      types({ "fish", "-i", "-C", [[bind \ct 'printf "\n<<%s>>\n" (commandline)']] }, {},
        { XDG_DATA_DIRS = dir:file "share" .. ":/usr/local/share:/usr/share" })
    end)
  end)
end)
