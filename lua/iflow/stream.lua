--- The body of a message through the readers and converters of the core, piece by piece. Internal;
-- for the transforms that touch bytes. All of them are fed with pieces and asked for what came out
-- of them: :feed(piece), :finish(), :next() (src/bind/piece.h).

local KEPT = 1024 * 1024 -- a string stays a string (and can be sent again) up to this size

local stream = {}

-- Takes all that the reader has now; an error when it cannot go on.
local function drain(reader, take)
  while true do
    local value, a, b, c, d = reader:next()
    if value == nil then return a end
    take(value, a, b, c, d)
  end
end

--- Hands each thing that the reader makes of the body to take(…). nil, err when the message has no
-- body or the reader cannot go on.
function stream.each(message, reader, take)
  local pieces, err = message:pieces()
  if not pieces then return nil, err end
  for piece in pieces do
    reader:feed(piece)
    err = drain(reader, take)
    if err then return nil, err end
  end
  reader:finish()
  err = drain(reader, take)
  if err then return nil, err end
  return true
end

-- A function that returns the next bytes, nil at the end, nil, err when it cannot go on.
local function puller(converter, pieces)
  local ended = false
  return function()
    while true do
      local bytes, err = converter:next()
      if bytes or err or ended then return bytes, err end
      local piece = pieces()
      if piece then
        converter:feed(piece)
      else
        converter:finish()
        ended = true
      end
    end
  end
end

-- An iterator: first those of the list, then the others; what fails is raised.
local function lazily(list, pull)
  local at = 0
  return function()
    at = at + 1
    local bytes = list[at]
    if bytes then
      list[at] = false
      return bytes
    end
    local err
    bytes, err = pull()
    if err then error(err, 0) end
    return bytes
  end
end

--- The body after the converter: a string if it was one and is not too large, else an iterator,
-- which raises when the converter cannot go on. nil, err when that is known at once.
function stream.through(message, converter)
  local pieces, err = message:pieces()
  if not pieces then return nil, err end
  local pull = puller(converter, pieces)
  local list, size = {}, 0
  if type(message.body) ~= "string" then return lazily(list, pull) end
  repeat
    local bytes
    bytes, err = pull()
    if err then return nil, err end
    if not bytes then return table.concat(list) end
    list[#list + 1] = bytes
    size = size + #bytes
  until size > KEPT
  return lazily(list, pull)
end

return stream
