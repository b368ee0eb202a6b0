-- leaks.lua -- whether secrets are in a text, however they are written there. It undoes encodings
-- instead of guessing them: what the text holds as percent escapes, base64, base64url, hex, JSON
-- escapes or in wrapped lines is decoded, twice over, and looked through.
--   local found = leaks.find(text, { client = "the secret", key = pem })    -- name or nil
-- Of a PEM private key every line counts, and its bytes; but for the end of an EC key, which is the
-- public half and stands in the certificate, too.
local core = require "iflow.core"

local leaks = {}

local LEAST = 16 -- characters of an encoded run that are worth decoding
local EC_MAX = 200 -- bytes; an RSA key is longer
local EC_AT, EC_LINES = 37, 2 -- where all of an EC key that is secret begins (RFC 5915), and lies

local function percent_decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function json_decoded(text)
  return (text:gsub("\\u00(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
    :gsub("\\([\"\\/])", "%1"))
end

local function hex_decoded(text, add)
  for run in text:gmatch "%x+" do
    if #run >= LEAST then
      for from = 1, 2 do
        add((run:sub(from):gsub("(%x)(%x)", function(a, b)
          return string.char(tonumber(a .. b, 16))
        end)))
      end
    end
  end
end

-- A run may begin anywhere in what was encoded, so each of four starts is tried.
local function base64_decoded(text, add)
  for run in text:gmatch "[%w+/_-]+" do
    if #run >= LEAST then
      local plain = run:gsub("-", "+"):gsub("_", "/")
      for from = 1, 4 do
        local piece = plain:sub(from)
        add(core.crypto.unbase64(piece:sub(1, #piece // 4 * 4)) or "")
      end
    end
  end
end

local function decoded(texts)
  local parts = {}
  local function add(text) parts[#parts + 1] = text end
  for _, text in ipairs(texts) do
    add(text)
    add(percent_decoded(text))
    add(json_decoded(text))
    hex_decoded(text, add)
    base64_decoded(text, add)
  end
  return parts
end

-- The texts by which a secret is known.
local function marks_of(secret)
  if not secret:find("PRIVATE KEY", 1, true) then return { secret } end
  local marks = {}
  local body = secret:match "PRIVATE KEY%-%-%-%-%-(.-)%-%-%-%-%-END"
  local bytes = core.crypto.unbase64((body:gsub("%s", "")))
  local is_ec = bytes and #bytes < EC_MAX
  for line in body:gmatch "[%w+/=]+" do
    if #line >= LEAST and not (is_ec and #marks == EC_LINES) then marks[#marks + 1] = line end
  end
  marks[#marks + 1] = bytes and (is_ec and bytes:sub(EC_AT, EC_AT + LEAST - 1)
    or bytes:sub(-LEAST))
  return marks
end

--- The name of a secret that is in the text, or nil.
function leaks.find(text, secrets)
  local once = decoded { text, (text:gsub("\\n", ""):gsub("%s", "")) }
  local all = table.concat(once, "\n") .. table.concat(decoded(once), "\n")
  for name, secret in pairs(secrets) do
    for _, mark in ipairs(marks_of(secret)) do
      if all:find(mark, 1, true) then return name end
    end
  end
end

return leaks
