-- curl.lua -- what curl's options for a request mean: -X, -H, -d, --data-binary. For `iflow call`.
local core = require "iflow.core"
local errors = require "iflow.error"

local curl = {}

-- Joined data is held in memory; one --data-binary @FILE is streamed and has no such limit.
local data_max = 16 * 1024 * 1024

-- Fields that carry a credential: a command line is seen by every user of the machine.
local secret_fields = {
  authorization = true, ["proxy-authorization"] = true, cookie = true, ["x-csrf-token"] = true,
}

local function text_data(word) return { text = word } end
local function binary_data(word) return { text = word, binary = true } end

--- Option rows; both kinds of data go into one list, in the order they were given.
curl.options = {
  { "-X --request", value = "METHOD", help = "method (default: POST with data, else GET)" },
  { "-H --header", value = "LINE", key = "headers", multiple = true, dash = true,
    help = "header line 'Name: value', or @FILE with such lines" },
  { "-d --data", value = "DATA", key = "data", multiple = true, dash = true, convert = text_data,
    help = "body; @FILE takes a file without its line breaks, @- standard input; several are "
      .. "joined by '&'" },
  { "--data-binary", value = "DATA", key = "data", multiple = true, dash = true,
    convert = binary_data,
    help = "body exactly as it is; @FILE streams a file of any size" },
}

local function usage(text, ...)
  return nil, errors { code = "usage.invalid", message = text:format(...) }
end

-- Files ------------------------------------------------------------------------------------------

local function read_limited(file, name)
  local text, why = file:read(data_max + 1)
  if why then
    local code = why:find "directory" and "usage.invalid" or "file.io"
    return nil, errors { code = code, message = ("%s: %s"):format(name, why),
      hint = code == "usage.invalid" and "name a file" or nil }
  end
  text = text or ""
  if #text <= data_max then return text end
  return nil, errors { code = "limit.exceeded",
    message = ("%s is larger than %d MiB"):format(name, data_max >> 20),
    hint = "send it with --data-binary @FILE alone, which streams" }
end

local function read_file(path)
  if path == "-" then return read_limited(io.stdin, "standard input") end
  local file <close>, why = io.open(path, "rb")
  if not file then return nil, errors { code = "file.not_found", message = why } end
  return read_limited(file, path)
end

-- Headers ----------------------------------------------------------------------------------------

-- 'Name: value' sends it, 'Name;' sends it empty, 'Name:' takes one of ours away.
local function parse_header(line)
  local name, value = line:match "^([^%s:;]+):%s*(.-)%s*$"
  if name then return name, value ~= "" and value or nil end
  name = line:match "^([^%s:;]+);%s*$"
  if name then return name, "" end
  return nil
end

local function add_header(request, line, from_file)
  local name, value = parse_header(line)
  if not name then return usage("-H '%s' is not 'Name: value'", from_file and "…" or line) end
  local lower = name:lower()
  if secret_fields[lower] and value and not from_file then
    return usage("-H %s puts a secret on the command line; write the line into a file and give "
      .. "-H @FILE", name)
  end
  request.seen[lower] = true
  if value then table.insert(request.list, { name, value }) end
  return true
end

local function headers_of(lines)
  local request = { list = {}, seen = {} }
  for _, line in ipairs(lines) do
    if line:sub(1, 1) == "@" then
      local text, err = read_file(line:sub(2))
      if not text then return nil, err end
      for each in text:gmatch "[^\r\n]+" do
        local ok, why = add_header(request, each, true)
        if not ok then return nil, why end
      end
    else
      local ok, why = add_header(request, line)
      if not ok then return nil, why end
    end
  end
  return request
end

-- Data -------------------------------------------------------------------------------------------

local function piece(item)
  if item.text:sub(1, 1) ~= "@" then return item.text end
  local text, err = read_file(item.text:sub(2))
  if not text then return nil, err end
  return item.binary and text or (text:gsub("[\r\n\0]", ""))
end

-- A file that can be read again from its start, and so streamed. A pipe cannot.
local function is_streamed(path)
  if not path or path == "-" then return false end
  local stat = core.file.stat(path)
  return not stat or stat.kind == "file" -- what is a directory is told when it is read
end

local function body_of(data)
  if #data == 0 then return nil end
  local path = data[1].text:match "^@(.+)"
  if #data == 1 and data[1].binary and is_streamed(path) then return { file = path } end
  local pieces = {}
  for i, item in ipairs(data) do
    local text, err = piece(item)
    if not text then return nil, err end
    pieces[i] = text
  end
  return table.concat(pieces, "&")
end

--- The parsed words -> { method, headers, body }, or nil, err.
function curl.request(args)
  local body, err = body_of(args.data)
  if err then return nil, err end
  local headers
  headers, err = headers_of(args.headers)
  if not headers then return nil, err end
  if body and not headers.seen["content-type"] then
    table.insert(headers.list, { "Content-Type", "application/x-www-form-urlencoded" })
  end
  local method = args.request or (body and "POST" or "GET")
  return { method = method, headers = headers.list, body = body }
end

return curl
