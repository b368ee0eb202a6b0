-- What a shell is offered for the word that is being typed.
local catalogue = require "iflow.cli.catalogue"
local completion = require "iflow.cli.completion"
local process = require "spec.support.process"

local commands = { "cert", "check", "cron", "instance", "postman", "run", "serve" }

local function names(set)
  local all = {}
  for _, name in ipairs(set) do all[name] = true end
  return all
end

-- The words offered, one line, and the kind of place.
local function offered(...)
  local offer = completion.offer { ... }
  local words = {}
  for i, item in ipairs(offer.words) do words[i] = item.word end
  return table.concat(words, " "), offer.place
end

local function offers(expected, ...) assert.equal(expected, (offered(...))) end

local function offers_place(expected, ...)
  local words, place = offered(...)
  assert.equal("", words)
  assert.equal(expected, place)
end

describe("completion", function()
  setup(function()
    catalogue.set_host { version = "1", commands = function() return names(commands) end }
  end)

  it("knows the commands, also below others", function()
    offers("cert check cron", "c")
    offers("help", "he")
    offers("--version", "--v")
    offers("cert check cron instance postman run serve", "help", "")
    offers("show check fetch request roots --help", "cert", "")
    offers("create list get delete --help", "instance", "key", "")
    offers("", "nonsense", "")
    offers("", "cert", "nonsense", "")
  end)

  it("offers options that have not been given, with what they are for", function()
    offers("--sender --set --service-key", "run", "x.lua", "--se")
    offers("--set --service-key", "run", "x.lua", "--sender", "a", "--set", "b=c", "--se")
    offers("--set --service-key", "run", "x.lua", "--sender=a", "--se")
    for _, item in ipairs(completion.offer({ "run", "--" }).words) do
      assert.is_true(#item.help > 0, item.word)
    end
  end)

  it("offers the values of choices", function()
    offers("basic body", "run", "--client-auth", "")
    offers("body", "run", "--client-auth", "bo")
    offers("--client-auth=basic --client-auth=body", "run", "--client-auth=")
    offers("--client-auth=body", "run", "--client-auth=bo")
    offers("info", "serve", "--log-level", "i")
    offers("", "run", "--connect-timeout", "")
    offers("", "run", "--json=")
  end)

  it("offers paths where a path is expected", function()
    offers_place("file", "run", "--input", "ord")
    offers_place("file", "run", "--input=ord")
    offers_place("file", "run", "")
    offers_place("file", "run", "x")
    offers_place("file", "serve", "a.lua", "b")
    offers_place("file", "cert", "show", "x")
    offers_place("file", "check", "-E", "x")
    offers_place(nil, "run", "a.lua", "b")
    offers_place("file", "run", "a.lua", "--", "b")
    offers_place(nil, "instance", "show", "a")
  end)

  it("tells options with a value from flags, in every spelling", function()
    offers("--sender", "run", "--dry-run", "x.lua", "-v", "--sen")
    offers_place("file", "run", "-vE", "x")
    offers("--sender", "run", "-vEclient.pem", "x.lua", "--sen")
    offers("--sender", "run", "--unknown", "x.lua", "--sen")
  end)

  it("offers the senders and jobs of the script that the words name", function()
    local dir <close> = process.tempdir()
    local path = dir:write("my script.lua", [[
      iflow.sender "orders" {}
      iflow.sender "invoices" {}
      iflow.cron "nightly" {}
      error "never run"
    ]])
    local quoted = "'" .. path .. "'"
    offers("orders invoices", "run", quoted, "--sender", "")
    offers("orders", "run", "--dry-run", quoted, "--sender", "o")
    offers("--sender=orders --sender=invoices", "run", (path:gsub(" ", "\\ ")), "--sender=")
    offers("orders invoices", "run", '"' .. path .. '"', "--sender", '"')
    offers("nightly", "run", quoted, "--job", "")
    offers("nightly", "cron", "preview", quoted, "--job", "")
    offers("orders invoices", "check", "--script", quoted, "--sender", "")
    offers("orders", "postman", "--script=" .. path, "--sender", "o")
    offers("", "run", "--sender", "")
    offers("", "run", dir:file "absent.lua", "--sender", "")
  end)
end)
