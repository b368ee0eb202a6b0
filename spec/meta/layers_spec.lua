-- The house keeps its floors (DESIGN, section 1): who may include whom, and which file alone sees
-- which library.
local tree = require "spec.support.tree"

local rank = { base = 0, net = 1, codec = 1, auth = 2, outbox = 2, call = 3, bind = 4, host = 5 }
local besides = { net = { codec = true } }

-- Each library's headers and the files that may see them.
local alone = {
  { "^<uv%.h>", "net/loop_uv.h" },
  { '^"net/loop_uv%.h"', "net/loop.c", "net/worker.c", "net/watch.c" },
  { "^<curl/", "net/connection.c" },
  { "^<llhttp%.h>", "net/http1.c" },
  { "^<cjson/", "base/json.c" },
  { "^<expat%.h>", "codec/xml.c" },
  { "^<minizip/", "codec/zip.c" },
  { "^<sqlite3%.h>", "outbox/sqlite_private.h" },
  { '^"outbox/sqlite_private%.h"', "outbox/sqlite.c", "outbox/sqlite_change.c",
    "outbox/sqlite_clock.c", "outbox/sqlite_note.c", "outbox/sqlite_read.c" },
}

local lua_headers = { ["<lua.h>"] = true, ["<lauxlib.h>"] = true, ["<lualib.h>"] = true }

local function listed(list, file)
  for i = 2, #list do
    if list[i] == file then return true end
  end
  return false
end

local function folder_breach(folder, header)
  local other = header:match '^"([%w_]+)/'
  if header:find "^<" or header == '"iflow.h"' then return nil end
  if not other then return "includes must name their folder" end
  if not rank[other] then return "no such folder" end
  if other == folder or rank[other] < rank[folder] or (besides[folder] or {})[other] then
    return nil
  end
  return ("%s must not see %s"):format(folder, other)
end

local function library_breach(file, folder, header)
  for _, list in ipairs(alone) do
    if header:find(list[1]) and not listed(list, file) then return "not the place for it" end
  end
  if lua_headers[header] and rank[folder] < rank.bind then
    return "ranks below bind do not know Lua"
  end
end

--- Every breach in { ["src/net/x.c"] = text }, as sorted lines of text.
local function breaches(texts)
  local found = {}
  for _, path in ipairs(tree.sorted(texts)) do
    local file = path:gsub("^src/", "")
    local folder = file:match "^(%w+)/"
    for header in texts[path]:gmatch '#%s*include%s+([<"][^>"\n]+[>"])' do
      local why
      if not folder then
        if header:find '^"' and header ~= '"base/error.def"' then why = "iflow.h stands alone" end
      elseif not rank[folder] then
        why = "no such folder"
      else
        why = folder_breach(folder, header) or library_breach(file, folder, header)
      end
      if why then found[#found + 1] = ("%s: %s: %s"):format(path, header, why) end
    end
  end
  return found
end

describe("the layers", function()
  it("hold in the tree", function()
    local texts = tree.texts "^src/.*%.[ch]$"
    assert.is_true(#tree.sorted(texts) > 20)
    assert.same({}, breaches(texts))
  end)

  local function breach_of(path, header)
    return #breaches { [path] = "/* x */\n#include " .. header .. "\n" }
  end

  it("notice a file that includes from above", function()
    assert.equal(1, breach_of("src/net/client.c", '"auth/token.h"'))
    assert.equal(1, breach_of("src/auth/token.c", '"outbox/driver.h"'))
    assert.equal(1, breach_of("src/codec/json.c", '"net/loop.h"'))
    assert.equal(0, breach_of("src/net/client.c", '"codec/gzip.h"'))
    assert.equal(0, breach_of("src/call/call.c", '"base/error.h"'))
  end)

  it("notice a library outside of its file", function()
    assert.equal(1, breach_of("src/net/client.c", "<curl/curl.h>"))
    assert.equal(1, breach_of("src/net/server.c", "<uv.h>"))
    assert.equal(1, breach_of("src/net/server.c", "<llhttp.h>"))
    assert.equal(1, breach_of("src/auth/service_key.c", "<cjson/cJSON.h>"))
    assert.equal(0, breach_of("src/net/connection.c", "<curl/curl.h>"))
  end)

  it("notice Lua below the bindings", function()
    assert.equal(1, breach_of("src/call/call.c", "<lua.h>"))
    assert.equal(1, breach_of("src/net/client.c", "<lauxlib.h>"))
    assert.equal(0, breach_of("src/bind/task.c", "<lua.h>"))
  end)
end)
