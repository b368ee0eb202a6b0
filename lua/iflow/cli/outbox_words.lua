-- outbox_words.lua -- how the commands of `iflow outbox` say things: ages, times, sizes, states,
-- and texts from elsewhere on one line of a terminal.
local moments = require "iflow.cli.moment"

local words = {}

--- 7384 -> "2 h": one unit, since nobody compares seconds of days.
function words.age(seconds)
  local s = math.max(0, math.floor(seconds))
  if s < 60 then return s .. " s" end
  if s < 3600 then return s // 60 .. " min" end
  if s < 2 * 86400 then return s // 3600 .. " h" end
  return s // 86400 .. " d"
end

--- "2026-11-22T21:47:12Z"
function words.time(at) return moments.text(math.floor(at)) end

--- "2026-11-22T21:47:12Z, 2 h ago"
function words.ago(at, now) return ("%s, %s ago"):format(words.time(at), words.age(now - at)) end

--- When a message is due: nil when it waits for no time.
function words.due(msg, now)
  if msg.state ~= "ready" or not msg.not_before then return nil end
  return msg.not_before > now and "in " .. words.age(msg.not_before - now) or "now"
end

--- "in_doubt" -> "in doubt"
function words.state(state) return (state:gsub("_", " ")) end

--- 1234567 -> "1,234,567"
function words.number(n)
  local text, count = ("%d"):format(n), 1
  while count > 0 do text, count = text:gsub("^(%d+)(%d%d%d)", "%1,%2") end
  return text
end

--- "1 message", "1,200 messages"
function words.messages(n) return words.number(n) .. (n == 1 and " message" or " messages") end

--- 1536 -> "1.5 KiB"
function words.size(bytes)
  if bytes < 1024 then return bytes .. (bytes == 1 and " byte" or " bytes") end
  local size, unit = bytes, nil
  for _, name in ipairs { "KiB", "MiB", "GiB" } do
    if size < 1024 then break end
    size, unit = size / 1024, name
  end
  return ("%.1f %s"):format(size, unit)
end

local order = { "rejected", "in_doubt", "ready", "blocked", "started", "delivered" }

--- "2 rejected, 1 in doubt" of counts by state.
function words.states(counts)
  local parts = {}
  for _, state in ipairs(order) do
    if (counts[state] or 0) > 0 then
      parts[#parts + 1] = words.number(counts[state]) .. " " .. words.state(state)
    end
  end
  return table.concat(parts, ", ")
end

--- Foreign text for one line of a terminal: nothing in it moves the cursor; at most `limit`
-- characters.
function words.line(text, limit)
  text = utf8.len(text) and text or text:gsub("[\x80-\xff]", "?")
  text = text:gsub("\xc2[\x80-\x9f]", " "):gsub("%c+", " ")
  if limit and utf8.len(text) > limit then
    return text:sub(1, utf8.offset(text, limit) - 1) .. "…"
  end
  return text
end

--- Whether the bytes can be shown as they are: UTF-8 without control characters.
function words.is_text(bytes)
  return utf8.len(bytes) ~= nil and not bytes:find "[\0-\8\11\12\14-\31\127]"
    and not bytes:find "\xc2[\x80-\x9f]"
end

--- Bytes as `hexdump -C` shows them.
function words.hex(bytes)
  local lines = {}
  for at = 1, #bytes, 16 do
    local piece = bytes:sub(at, at + 15)
    local hex = piece:gsub(".", function(c) return ("%02x "):format(c:byte()) end)
    lines[#lines + 1] = ("%08x  %-48s |%s|"):format(at - 1, hex,
      (piece:gsub("[^\32-\126]", ".")))
  end
  return table.concat(lines, "\n")
end

return words
