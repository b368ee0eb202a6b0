-- What stands where (DESIGN, section 1): no stray file, no stray folder.
local process = require "spec.support.process"
local tree = require "spec.support.tree"

local function set(list)
  local s = {}
  for _, name in ipairs(list) do s[name] = true end
  return s
end

-- The entries below a folder ("" for the top) that are not in the list.
local function strays(below, known)
  local found, seen, allowed = {}, {}, set(known)
  for _, path in ipairs(tree.files()) do
    local entry = path:sub(1, #below) == below and path:sub(#below + 1):match "^[^/]+"
    if entry and not allowed[entry] and not seen[entry] then
      seen[entry] = true
      found[#found + 1] = below .. entry
    end
  end
  return found
end

describe("the tree", function()
  it("has only the known entries on top", function()
    assert.same({}, strays("", {
      ".ci", ".clang-format", ".github", ".gitignore", ".luacheckrc", "CHANGELOG.md",
      "CMakeLists.txt", "LICENSE", "README.md", "lua", "rocks", "scripts", "spec", "src",
    }))
  end)

  it("has only the known folders in src and spec", function()
    assert.same({}, strays("src/", {
      "iflow.h", "base", "net", "codec", "auth", "outbox", "call", "bind", "host",
    }))
    assert.same({}, strays("spec/", {
      "unit", "system", "cli", "meta", "torture", "fuzz", "support",
    }))
  end)

  it("names every spec so that busted finds it", function()
    local found = {}
    for _, path in ipairs(tree.files()) do
      local text = path:find "^spec/.*%.lua$" and process.read(path) or ""
      if text:find "\ndescribe%(" and not path:find "_spec%.lua$" then found[#found + 1] = path end
    end
    assert.same({}, found)
  end)

  it("has executable scripts that README names", function()
    local readme = assert(process.read "README.md")
    for _, path in ipairs(tree.files()) do
      if path:find "^scripts/[^/]+$" then
        assert.equal(0, process.run({ "test", "-x", path }).code, path)
        assert.is_truthy(readme:find(path, 1, true), "README.md does not name " .. path)
      end
    end
  end)

  it("names no path of the machine it was written on", function()
    local found = {}
    local private = { "/wo" .. "rk/", "/ho" .. "me/", "/ro" .. "ot/" }
    for path, text in pairs(tree.texts "") do
      for _, prefix in ipairs(private) do
        if text:find(prefix, 1, true) then found[#found + 1] = path end
      end
    end
    assert.same({}, found)
  end)

  it("has shell scripts that parse", function()
    for path in pairs(tree.texts("^scripts/[^/]+$", "^%.ci/")) do
      assert.is_truthy(process.read(path):find "^#!/usr/bin/env bash\n" or
        process.read(path):find "^#!/bin/sh\n", path)
      assert.equal(0, process.run({ "bash", "-n", path }).code, path)
    end
  end)
end)
