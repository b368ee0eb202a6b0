-- iflow.cert and openssl say the same of generated certificates and chains: RSA, EC, expired, not
-- yet valid, without clientAuth, with missing intermediates, cross-signed, in the wrong order,
-- several in one file; as PEM, PKCS#7, PKCS#12 with old and new ciphers, and zip.
local cert = require "iflow.cert"
local cert_cases = require "spec.support.cert_cases"
local process = require "spec.support.process"
local size = require "spec.support.size"

local dir, cases

setup(function()
  dir = process.tempdir()
  cases = cert_cases.make(dir, size.of(33, 231))
end)

teardown(function() dir:close() end)

local function report_of(case, name)
  case.report = case.report or assert(cert.check { cert = case.path, key = case.key,
    passphrase = case.pass, known = case.known, directory = "" }, name)
  return case.report
end

-- Calls check(case, report, name) for each case.
local function each(check)
  for i, case in ipairs(cases) do
    local k = case.kind
    local name = ("case %d: %s, depth %d, %s, %s, %s"):format(i, k.kind, k.depth, k.flaw,
      k.container, k.order)
    check(case, report_of(case, name), name)
  end
end

local function verdict(report, wanted)
  for _, finding in ipairs(report.findings) do
    if finding.name == wanted then return finding.verdict end
  end
end

local function sorted_blocks(text)
  local list = {}
  for block in text:gmatch "%-%-%-%-%-BEGIN CERTIFICATE.-END CERTIFICATE%-%-%-%-%-" do
    list[#list + 1] = block
  end
  table.sort(list)
  return list
end

describe("iflow.cert and openssl", function()
  it("find the same certificates in a file", function()
    for i, case in ipairs(cases) do
      local info = assert(cert.read(case.path, { passphrase = case.pass }))
      local texts = {}
      for n, certificate in ipairs(info.certificates) do texts[n] = certificate.pem end
      assert.same(sorted_blocks(case.says.certificates), sorted_blocks(table.concat(texts)), i)
    end
  end)

  it("read the same from the leaf, found by its key", function()
    each(function(case, report, name)
      local leaf, says, iso = report.certificates[1], case.says, "!%Y-%m-%d %H:%M:%SZ"
      assert.equal("fine", verdict(report, "key"), name)
      assert.equal(says.sha256, leaf.sha256, name)
      assert.equal(says.serial, leaf.serial, name)
      assert.equal(says.not_before, os.date(iso, leaf.not_before), name)
      assert.equal(says.not_after, os.date(iso, leaf.not_after), name)
    end)
  end)

  it("agree whether a chain leads to a trusted root", function()
    each(function(case, report, name)
      -- A root in the file is none to be trusted for openssl, but it completes a chain.
      local flaw = case.kind.flaw
      local inside = case.kind.order == "root inside" and (flaw == "no root" or flaw == "cross")
      if inside then return end
      assert.equal(case.says.complete, verdict(report, "complete") == "fine", name)
    end)
  end)

  it("agree whether it is valid now", function()
    each(function(case, report, name)
      if not case.says.complete then return end
      assert.equal(case.says.verified, verdict(report, "dates") ~= "failed", name)
      assert.equal(not case.says.verified, report.expired, name)
    end)
  end)

  it("agree whether it is for clients", function()
    each(function(case, report, name)
      assert.equal(case.says.client, verdict(report, "eku") == "fine", name)
    end)
  end)

  it("see every kind of case", function()
    local seen = { verified = 0, complete = 0, client = 0 }
    for _, case in ipairs(cases) do
      for what in pairs(seen) do seen[what] = seen[what] + (case.says[what] and 1 or 0) end
    end
    for what, n in pairs(seen) do assert.is_true(n > 2 and n < #cases - 2, what) end
  end)
end)
