-- Which senders and jobs a script defines, by its text.
local script_names = require "iflow.cli.script_names"
local process = require "spec.support.process"

describe("script_names", function()
  it("finds what is written in any of Lua's ways", function()
    assert.same({ sender = { "orders", "a b", "long" }, job = { "nightly", "hourly" } },
      script_names.scan [==[
        local iflow, sender = require "iflow", require "iflow".sender
        iflow.sender "orders" { to = "/http/orders" }
        iflow.sender('a b')({ to = "/x" })
        sender [[long]] { }
        iflow.cron "nightly" { run = function() iflow.sender "orders":send "x" end }
        iflow.every("hourly", { })
      ]==])
  end)

  it("does not take comments, strings and fields for one", function()
    assert.same({ sender = { "real" }, job = {} }, script_names.scan [===[
      -- iflow.sender "comment"
      --[[ iflow.sender "block"
      ]] --[==[ iflow.sender "level" ]] ]==]
      local text = "iflow.sender 'string'" .. 'a \' iflow.sender "x" '
      local t = { sender = "field", cron = [[ every "y" ]] }
      print(iflow.sender, "no name")
      iflow.sender "real" {}
      iflow.sender("pieced" .. x)
    ]===])
  end)

  it("takes a script that is cut off or no script at all", function()
    for _, text in ipairs { "", "--[[ x", "'", "\"\\", "sender", "sender(", "[==[", "\0\255" } do
      assert.same({ sender = {}, job = {} }, script_names.scan(text))
    end
    assert.same({ sender = { "un" }, job = {} }, script_names.scan 'sender "un')
  end)

  it("reads plain files only, and not the whole of a large one", function()
    local dir <close> = process.tempdir()
    local none = { sender = {}, job = {} }
    assert.same(none, script_names.read(dir:file "absent.lua"))
    assert.same(none, script_names.read(dir.path))
    assert(os.execute("mkfifo " .. process.quote(dir:file "fifo")))
    assert.same(none, script_names.read(dir:file "fifo"))
    local large = dir:write("large.lua", "iflow.sender 'x'\n" .. ("--\n"):rep(400000))
    assert.same(none, script_names.read(large))
    assert.same({ sender = { "x" }, job = {} },
      script_names.read(dir:write("small.lua", "iflow.sender 'x'\n")))
  end)
end)
