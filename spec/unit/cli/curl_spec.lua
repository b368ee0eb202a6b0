local curl = require "iflow.cli.curl"
local parser = require "iflow.cli.parser"
local process = require "spec.support.process"

local command = { summary = "for this spec", options = curl.options }

local function request(...)
  local args = assert(parser.parse("iflow spec", command, { ... }, function() end))
  return curl.request(args)
end

local form = { "Content-Type", "application/x-www-form-urlencoded" }

describe("curl.request", function()
  local dir
  before_each(function() dir = process.tempdir() end)
  after_each(function() dir:__close() end)

  it("gets without data and posts with data, unless -X says else", function()
    assert.same({ method = "GET", headers = {} }, request())
    assert.same({ method = "POST", headers = { form }, body = "" }, request("-d", ""))
    assert.equal("PUT", request("-d", "x", "-X", "PUT").method)
    assert.equal("DELETE", request("-X", "DELETE").method)
  end)

  it("joins data with &, in the order given", function()
    assert.equal("a=1&b=2&c=3", request("-d", "a=1", "--data-binary", "b=2", "--data", "c=3").body)
  end)

  it("reads @FILE: without line breaks for -d, as it is for --data-binary", function()
    local path = dir:write("body", "one\r\ntwo\n\0three")
    assert.equal("onetwothree", request("-d", "@" .. path).body)
    assert.equal("x&one\r\ntwo\n\0three", request("-d", "x", "--data-binary", "@" .. path).body)
  end)

  it("leaves a single --data-binary @FILE to be streamed", function()
    assert.same({ file = "/no/matter" }, request("--data-binary", "@/no/matter").body)
  end)

  it("reads what cannot be read twice into memory", function()
    local path = dir:file "fifo"
    assert(os.execute(("mkfifo %s && { printf 'a\\nb' >%s & }"):format(path, path)))
    assert.equal("a\nb", request("--data-binary", "@" .. path).body)
  end)

  it("says which file is missing or too large for memory", function()
    assert.equal("file.not_found", select(2, request("-d", "@" .. dir:file "none")).code)
    assert.equal("usage.invalid", select(2, request("-d", "@" .. dir.path)).code)
    assert.equal("usage.invalid", select(2, request("--data-binary", "@" .. dir.path)).code)
    local path = dir:file "large"
    os.execute(("truncate -s 17M %s"):format(path))
    assert.equal("limit.exceeded", select(2, request("-d", "@" .. path)).code)
  end)

  it("takes header lines from words and from files", function()
    local path = dir:write("lines", "A: 1\r\nAuthorization: Bearer x\n")
    local headers = request("-H", "X-Empty;", "-H", "@" .. path, "-H", "B:2: 3").headers
    assert.same({ { "X-Empty", "" }, { "A", "1" }, { "Authorization", "Bearer x" },
      { "B", "2: 3" } }, headers)
  end)

  it("lets a header line replace or take away the content type", function()
    assert.same({ { "content-type", "text/xml" } },
      request("-d", "x", "-H", "content-type: text/xml").headers)
    assert.same({}, request("-d", "x", "-H", "Content-Type:").headers)
  end)

  it("refuses secrets on the command line and lines that are no header", function()
    for _, line in ipairs { "Authorization: Bearer abc", "cookie: abc", "no header", ": x",
      "X-CSRF-Token: abc", "proxy-authorization: Basic abc" } do
      local _, err = request("-H", line)
      assert.equal("usage.invalid", err.code)
      assert.not_matches("abc", err.message)
    end
  end)
end)
