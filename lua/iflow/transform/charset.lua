--- iflow.transform.charset { … }: the body from one character set into another.
--
--   transform = { charset { from = "CP1252" }, csv {} }
--
--   from     "UTF-8" by default; CP1252, ISO-8859-1, IBM037, … (all that `iconv -l` lists)
--   to       "UTF-8" by default
--   invalid  "reject" (default): what is not valid, or does not exist in the other set, rejects the
--            message and is named by its byte; "replace": it becomes U+FFFD, or "?" where the other
--            set has none
--   nel      true: U+0085, the line end of many EBCDIC files (0x15), becomes a line feed; for
--            to = "UTF-8"
--
-- EBCDIC is a family: IBM037 (USA), IBM273 (Germany), IBM500 (international), IBM1141 (Germany with
-- the euro sign) …

local core = require "iflow.core"
local options = require "iflow.options"
local stream = require "iflow.stream"

local known = {
  from = { "string", default = "UTF-8" },
  to = { "string", default = "UTF-8" },
  invalid = options.one_of({ "reject", "replace" }, "reject"),
  nel = { "boolean", default = false },
}

local function new_converter(o)
  return core.charset.converter { from = o.from, to = o.to, replace = o.invalid == "replace" }
end

-- A converter of the core, with NEL made LF in what comes out: whole characters at a time.
local line_ends = {}
line_ends.__index = line_ends

function line_ends:feed(piece) self.converter:feed(piece) end
function line_ends:finish() self.converter:finish() end
function line_ends:next()
  local bytes, err = self.converter:next()
  if not bytes then return nil, err end
  return (bytes:gsub("\u{85}", "\n"))
end

local function check_name(name)
  if name:upper() == "EBCDIC" then
    error("EBCDIC is a family of character sets: choose one, such as IBM037 (USA), IBM273 "
      .. "(Germany), IBM500 (international) or IBM1141 (Germany with the euro sign)", 3)
  end
end

-- "text/csv; charset=ISO-8859-1" must not go on saying what is no longer true.
local function renamed(content_type, to)
  if not content_type then return nil end
  return (content_type:gsub("([cC]harset=)[^;%s]+", "%1" .. to))
end

local charset = { name = "charset" }
charset.__index = charset

function charset:run(message, emit)
  local converter, err = new_converter(self.options)
  if not converter then return nil, err end
  if self.options.nel then converter = setmetatable({ converter = converter }, line_ends) end
  local body
  body, err = stream.through(message, converter)
  if not body then return nil, err end
  emit(message:with { body = body, content_type = renamed(message.content_type, self.options.to) })
end

return function(given)
  local o = options.check(given, known)
  check_name(o.from)
  check_name(o.to)
  if o.nel and o.to:upper() ~= "UTF-8" then error("option 'nel' is for to = \"UTF-8\"", 2) end
  local converter, err = new_converter(o)
  if not converter then error(err.message .. (err.hint and " (" .. err.hint .. ")" or ""), 2) end
  return setmetatable({ options = o }, charset)
end
