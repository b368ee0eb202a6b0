local parser = require "iflow.cli.parser"

local command = {
  summary = "for this spec",
  arguments = { { "to" }, { "more", args = "*" } },
  options = {
    { "-o --output", value = "FILE" },
    { "--max-time", value = "TIME", type = "duration" },
    { "--count", value = "N", type = "integer" },
    { "--auth", value = "WAY", choices = { "token", "basic" }, default = "token" },
    { "-H --header", value = "LINE", key = "headers", multiple = true },
    { "--expect", value = "STATUS", type = "integer", multiple = true },
    { "-d --data", value = "DATA", multiple = true, dash = true },
    { "-v --verbose", flag = true },
    { "--pin", value = "PIN", private = true, env = "PIN_OF_SPEC",
      convert = function(value, from_variable)
        if value == "bad" then return nil, "is no pin" end
        return { value, from_variable or false }
      end },
  },
}

local function parse(words, variables, other)
  return parser.parse("iflow spec", other or command, words,
    function(name) return (variables or {})[name] end)
end

local function refused(...)
  local args, err = parse(...)
  assert.is_nil(args)
  assert.equal("usage.invalid", err.code)
  return err
end

describe("parser.parse", function()
  it("gives every option a value, absent ones their default", function()
    assert.same({ to = "x", more = {}, auth = "token", headers = {}, expect = {}, data = {},
      verbose = false, json = false, log_level = "warn", log_format = "text", help = false },
      parse { "x" })
  end)

  it("lets a command have other defaults for what all have, and one argument or more", function()
    local serving = { name = "serve", arguments = { { "script", args = "+" } },
      defaults = { log_level = "info" } }
    local function level(words)
      local args = assert(parser.parse("iflow serve", serving, words, function() end))
      return args.log_level, args.script
    end
    assert.same({ "info", { "a" } }, { level { "a" } })
    assert.same({ "debug", { "a", "b" } }, { level { "a", "b", "--log-level", "debug" } })
    local _, err = parser.parse("iflow serve", serving, {}, function() end)
    assert.equal("usage.invalid", err.code)
  end)

  it("takes options before, between and after arguments", function()
    local args = parse { "-v", "x", "--output", "f", "y", "--json", "z" }
    assert.same({ "x", { "y", "z" }, "f", true, true },
      { args.to, args.more, args.output, args.verbose, args.json })
  end)

  it("knows the spellings of curl", function()
    assert.equal("f", parse({ "x", "-of" }).output)
    assert.equal("f", parse({ "x", "--output=f" }).output)
    assert.equal("f", parse({ "x", "-vof" }).output)
    assert.equal("last", parse({ "x", "-o", "first", "-o", "last" }).output)
    assert.same({ "a", "-b", "--c", "" }, parse({ "x", "-d", "a", "-d", "-b", "--data", "--c",
      "-d", "" }).data)
  end)

  it("takes everything behind -- as arguments", function()
    assert.same({ "--json", "-v" }, parse({ "x", "--", "--json", "-v" }).more)
    assert.equal("-x", parse({ "--", "-x" }).to) -- where no word names an option
    assert.equal("-", parse({ "-" }).to)
  end)

  it("hands what is behind -- to a command that asks for it", function()
    local run = { summary = "s", arguments = { { "script" } }, options = command.options,
      rest = { "arg", owner = "the script" } }
    local args = parse({ "x.lua", "-v", "--", "-v", "--", "--help" }, nil, run)
    assert.same({ "-v", "--", "--help" }, args.arg)
    assert.matches("after %-%-", refused({ "x.lua", "y" }, nil, run).hint)
  end)

  it("takes values from variables; words win", function()
    local variables = { IFLOW_OUTPUT = "v", IFLOW_VERBOSE = "1", IFLOW_HEADER = "a: 1\nb: 2",
      PIN_OF_SPEC = "1", IFLOW_MAX_TIME = "" }
    local args = parse({ "x" }, variables)
    assert.same({ "v", true, { "a: 1", "b: 2" }, { "1", true } },
      { args.output, args.verbose, args.headers, args.pin })
    assert.is_nil(args.max_time)
    args = parse({ "x", "-o", "w", "-H", "c: 3", "--pin", "2" }, variables)
    assert.same({ "w", { "c: 3" }, { "2", false } }, { args.output, args.headers, args.pin })
    assert.is_false(parse({ "x" }, { IFLOW_VERBOSE = "off" }).verbose)
  end)

  it("takes from a variable numbers separated by commas, else one value a line", function()
    for _, text in ipairs { "404,409", "404, 409", "404\n409\n", " 404 409 " } do
      assert.same({ 404, 409 }, parse({ "x" }, { IFLOW_EXPECT = text }).expect)
    end
    assert.same({ "a: 1,2", "b: 3" }, parse({ "x" }, { IFLOW_HEADER = "a: 1,2\r\nb: 3" }).headers)
    refused({ "x" }, { IFLOW_EXPECT = "404,many" })
    refused { "x", "--expect", "404,409" }
  end)

  it("checks types and choices, of words and of variables", function()
    assert.same({ 2.5, "500ms", "5m" }, {
      parse({ "x", "--max-time", "2.5" }).max_time, parse({ "x", "--max-time", "500ms" }).max_time,
      parse({ "x" }, { IFLOW_MAX_TIME = "5m" }).max_time })
    for _, word in ipairs { "soon", "5x", "", "1e3", "0x10", "-1" } do
      refused { "x", "--max-time=" .. word }
    end
    assert.equal(12, parse({ "x", "--count", "12" }).count)
    for _, word in ipairs { "1.5", "0x10", "many", "" } do refused { "x", "--count", word } end
    assert.matches("did you mean 'basic'", refused({ "x", "--auth", "basik" }).message)
    refused({ "x" }, { IFLOW_AUTH = "none" })
    refused({ "x" }, { IFLOW_VERBOSE = "maybe" })
  end)

  it("does not show a private word", function()
    assert.not_matches("bad", refused({ "x", "--pin", "bad" }).message)
    assert.not_matches("bad", refused({ "x" }, { PIN_OF_SPEC = "bad" }).message)
  end)

  it("says what is missing, too much or unknown", function()
    assert.matches("argument TO", refused({}).message)
    assert.matches("did you mean '%-%-output'", refused({ "x", "--outptu", "f" }).message)
    assert.matches("%-%-output", refused({ "x", "--output" }).message)
    local strict = { summary = "s", options = { { "--dir", value = "DIR", required = true } } }
    assert.matches("IFLOW_DIR", refused({}, nil, strict).message)
    assert.equal("d", parse({}, { IFLOW_DIR = "d" }, strict).dir)
    refused({ "one" }, { IFLOW_DIR = "d" }, strict)
  end)

  it("tells curl's --json from ours", function()
    local plain = { summary = "s" }
    for _, words in ipairs { { "--json", "{}" }, { "--json", "@f" }, { "--json=x" },
      { "--json", "text" } } do
      assert.matches("Content%-Type", refused(words, nil, plain).hint)
    end
    assert.is_true(parse({ "--json", "x" }).json)
  end)

  it("names the package when argparse is missing", function()
    local searchpath, loaded = package.searchpath, package.loaded.argparse
    finally(function()
      package.searchpath, package.loaded.argparse = searchpath, loaded -- luacheck: ignore 122
      package.preload.argparse = nil
    end)
    package.loaded.argparse = nil
    package.preload.argparse = function() error "not there" end
    package.searchpath = function() return nil end -- luacheck: ignore 122
    assert.matches("lua%-argparse", refused({ "x" }).hint)
  end)
end)

describe("parser.wants_help", function()
  it("looks only before --", function()
    assert.is_true(parser.wants_help { "x", "-h" })
    assert.is_true(parser.wants_help { "--help" })
    assert.is_false(parser.wants_help { "x", "--", "--help" })
  end)
end)
