--- Reads a file of the tz database (TZif, RFC 8536, versions 2 to 4). Internal; pure.
--
--   local data, why = tzif.parse(bytes)
--   data.first       what holds before the table: { offset =, dst =, abbreviation = }
--   data.times       when something changes, seconds since 1970, ascending
--   data.kinds       what holds from then on, one for each time
--   data.rule        what holds after the table (posix_zone.lua), nil when the file does not say
--
-- Limits are checked before anything is read: the sizes of the parts come from the header.

local posix_zone = require "iflow.schedule.posix_zone"

local tzif = {}

--- No file of the database has 10 KiB.
tzif.SIZE_MAX = 128 * 1024

local TIMES_MAX, KINDS_MAX, LETTERS_MAX, LEAPS_MAX = 4096, 256, 512, 512
local HEADER = ">c4 c1 c15 I4 I4 I4 I4 I4 I4"
local HEADER_SIZE = 44
local OFFSET_MAX = 26 * 3600

-- The counts of the header at `at`, or nil, why.
local function read_header(bytes, at)
  if #bytes < at + HEADER_SIZE - 1 then return nil, "it is cut short" end
  local magic, version, _, utc, standard, leaps, times, kinds, letters = HEADER:unpack(bytes, at)
  if magic ~= "TZif" then return nil, "it is no file of the tz database" end
  if times > TIMES_MAX or kinds > KINDS_MAX or letters > LETTERS_MAX or leaps > LEAPS_MAX
    or utc > KINDS_MAX or standard > KINDS_MAX then
    return nil, "its header is damaged: a count in it is too large"
  end
  return { version = version, utc = utc, standard = standard, leaps = leaps, times = times,
    kinds = kinds, letters = letters }
end

-- How many bytes follow a header whose times have `width` bytes.
local function body_size(h, width)
  return h.times * (width + 1) + h.kinds * 6 + h.letters + h.leaps * (width + 4) + h.standard
    + h.utc
end

local function read_kinds(bytes, at, h)
  local kinds, letters = {}, bytes:sub(at + h.kinds * 6, at + h.kinds * 6 + h.letters - 1)
  for i = 1, h.kinds do
    local offset, dst, index = (">i4 B B"):unpack(bytes, at + (i - 1) * 6)
    local abbreviation = letters:match("^([^%z]*)%z", index + 1)
    if math.abs(offset) > OFFSET_MAX or dst > 1 or not abbreviation then
      return nil, "one of its local times is damaged"
    end
    kinds[i] = { offset = offset, dst = dst == 1, abbreviation = abbreviation }
  end
  return kinds
end

local function read_times(bytes, at, h)
  local times = {}
  for i = 1, h.times do
    times[i] = (">i8"):unpack(bytes, at + (i - 1) * 8)
    if i > 1 and times[i] <= times[i - 1] then return nil, "its times are out of order" end
  end
  return times
end

local function read_body(bytes, at, h)
  local times, kinds, why
  times, why = read_times(bytes, at, h)
  if not times then return nil, why end
  local indexes = at + h.times * 8
  kinds, why = read_kinds(bytes, indexes + h.times, h)
  if not kinds then return nil, why end
  local data = { first = kinds[1], times = times, kinds = {} }
  for i = 1, h.times do
    data.kinds[i] = kinds[bytes:byte(indexes + i - 1) + 1]
    if not data.kinds[i] then return nil, "a change in it leads nowhere" end
  end
  return data
end

local function second_header(bytes)
  local first, why = read_header(bytes, 1)
  if not first then return nil, why end
  if first.version < "2" then return nil, "it is of version 1, which ends in 2037" end
  local at = 1 + HEADER_SIZE + body_size(first, 4)
  local h
  h, why = read_header(bytes, at)
  if not h then return nil, why end
  if h.kinds == 0 then return nil, "it has no local time" end
  if h.leaps > 0 then
    return nil, "it counts leap seconds, which the clock of this machine does not"
  end
  return h, at + HEADER_SIZE
end

--- What the file says, or nil and what is wrong with it.
function tzif.parse(bytes)
  if #bytes > tzif.SIZE_MAX then return nil, "it is too large for a time zone" end
  local h, at = second_header(bytes)
  if not h then return nil, at end
  local ends = at + body_size(h, 8)
  if #bytes < ends then return nil, "it is cut short" end
  local data, why = read_body(bytes, at, h)
  if not data then return nil, why end
  local footer = bytes:match("^\n([^\n%z]*)\n", ends)
  if not footer then return nil, "its last line is missing" end
  if footer ~= "" then
    data.rule, why = posix_zone.parse(footer)
    if not data.rule then return nil, why end
  end
  return data
end

return tzif
