-- outbox_bodies.lua -- bodies of messages in files, piece by piece, and the private files that the
-- commands of `iflow outbox` write.
local core = require "iflow.core"
local errors = require "iflow.error"

local bodies = {}

local PIECE = 192 * 1024 -- a multiple of three, for base64

local function failed(path, why)
  return errors { code = "file.io", message = ("cannot write '%s': %s"):format(path, why) }
end

--- What is stored of a message beside body and headers (lua/iflow/sender/stored.lua), a table.
function bodies.about(msg) return type(msg.about) == "table" and msg.about or {} end

--- Whether it has no bytes yet, but data: a transform behind the first refused it, or the first got
-- data already.
function bodies.is_data(msg)
  local about = bodies.about(msg)
  return about.no_body == true and (about.data ~= nil
    or about.lost ~= nil and (tonumber(about.step) or 1) > 1)
end

--- The data of such a message as JSON that a person can read.
function bodies.data_text(msg)
  local data = bodies.about(msg).data
  return assert(core.json.encode(data == nil and core.json.null or data,
    { pretty = true, sort = true }))
end

--- The bytes of a file, as an iterator; raises an iflow error where there is none.
function bodies.pieces(path)
  local file, why = io.open(path, "rb")
  if not file then error(errors { code = "file.not_found", message = why }, 0) end
  return function()
    local piece = file and file:read(PIECE)
    if not piece and file then
      file:close()
      file = nil
    end
    return piece
  end
end

-- The bytes at the end that begin a character whose rest comes with the next piece.
local function cut_character(piece)
  for back = 1, math.min(3, #piece) do
    local byte = piece:byte(-back)
    if byte >= 0xc0 then
      local length = byte >= 0xf0 and 4 or byte >= 0xe0 and 3 or 2
      return length > back and back or 0
    elseif byte < 0x80 then
      return 0
    end
  end
  return 0
end

--- The same in pieces of whole characters, as far as they are any.
function bodies.characters(path)
  local next_piece, rest = bodies.pieces(path), ""
  return function()
    local piece = next_piece()
    if not piece then
      piece, rest = rest, ""
      return piece ~= "" and piece or nil
    end
    piece = rest .. piece
    local back = cut_character(piece)
    rest = back > 0 and piece:sub(-back) or ""
    return piece:sub(1, #piece - back)
  end
end

--- Whether the file is UTF-8 text.
function bodies.is_utf8(path)
  for piece in bodies.characters(path) do
    if not utf8.len(piece) then return false end
  end
  return true
end

--- A new private file { path =, write = function(…), finish = function() -> true | nil, err }, on
-- disk once it is finished; or nil, err. What is there already may be the only copy of something.
function bodies.new_file(path)
  if core.file.stat(path) then
    return nil, errors { code = "file.exists", message = ("'%s' is there already"):format(path),
      hint = "give another name, or move it away" }
  end
  local ok, err = core.file.write(path, "", "0600")
  if not ok then return nil, err end
  local file, why = io.open(path, "ab")
  if not file then return nil, failed(path, why) end
  file:setvbuf("full", PIECE)
  local function write(...)
    local fine, problem = file:write(...)
    if not fine then error(failed(path, problem), 0) end
  end
  return { path = path, write = write, finish = function()
    local fine, problem = file:close()
    if not fine then return nil, failed(path, problem) end
    return core.file.sync(path)
  end }
end

--- Writes a body (text or { file = path }) to a new private file: true, or nil, err.
function bodies.save(body, path)
  local target, err = bodies.new_file(path)
  if not target then return nil, err end
  if type(body) == "table" then
    for piece in bodies.pieces(body.file) do target.write(piece) end
  else
    target.write(body)
  end
  return target.finish()
end

return bodies
