-- tree.lua -- the files of the project for the specs in spec/meta, and what they look like.
local process = require "spec.support.process"

local tree = {}

--- The paths of all files that are in git or could be added, sorted.
function tree.files()
  local listing = assert(process.run {
    "git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard",
  })
  assert(listing.code == 0, listing.err)
  local files, seen = {}, {}
  for path in listing.out:gmatch "[^\n]+" do
    if not seen[path] and process.read(path) then files[#files + 1] = path end
    seen[path] = true
  end
  table.sort(files)
  return files
end

--- { path = text } of the files whose path matches one of the patterns.
function tree.texts(...)
  local texts = {}
  for _, path in ipairs(tree.files()) do
    for _, pattern in ipairs { ... } do
      if path:find(pattern) then texts[path] = process.read(path) end
    end
  end
  return texts
end

--- The paths of a { path = text } table, sorted.
function tree.sorted(texts)
  local paths = {}
  for path in pairs(texts) do paths[#paths + 1] = path end
  table.sort(paths)
  return paths
end

function tree.lines(text)
  local count = 0
  for _ in text:gmatch "[^\n]*\n" do count = count + 1 end
  return count
end

--- The functions of a C file as clang-format leaves it: { name =, line =, lines = }.
function tree.c_functions(text)
  local functions, number, head = {}, 0, nil
  local name, first
  for line in text:gmatch "([^\n]*)\n" do
    number = number + 1
    if line == "{" and head then
      first, name = head.line, head.name
    elseif line == "}" and first then
      functions[#functions + 1] = { name = name, line = first, lines = number - first + 1 }
      first, head = nil, nil
    elseif not first and line:find "^[%a_].*%(" and not line:find "^typedef" then
      head = { line = number, name = line:match "([%w_]+)%s*%(" }
    elseif not first and (line == "" or line:find "^[#}/]" or line:find ";%s*$") then
      head = nil
    end
  end
  return functions
end

-- Lua's words, without comments and strings: { text, line }.
local function lua_words(text)
  local words, at, line = {}, 1, 1
  local function skip(last)
    for _ in text:sub(at, last):gmatch "\n" do line = line + 1 end
    at = last + 1
  end
  while at <= #text do
    local level = text:match("^%-?%-?%[(=*)%[", at)
    local is_comment = text:find("^%-%-", at)
    if level and (is_comment or text:sub(at, at) == "[") then
      skip(select(2, text:find("]" .. level .. "]", at, true)) or #text)
    elseif is_comment then
      skip((text:find("\n", at, true) or #text + 1) - 1)
    elseif text:find("^[\"']", at) then
      local quote, stop = text:sub(at, at), at + 1
      while text:sub(stop, stop) ~= quote do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
      skip(stop)
    else
      local word = text:match("^[%a_][%w_]*", at)
      if word then words[#words + 1] = { word, line } end
      skip(at + math.max(#(word or ""), 1) - 1)
    end
  end
  return words
end

local opens = { ["function"] = true, ["do"] = true, ["then"] = true, ["repeat"] = true }

--- The functions of a Lua file: { line =, lines = }.
function tree.lua_functions(text)
  local functions, blocks = {}, {}
  for _, word in ipairs(lua_words(text)) do
    local kind, line = word[1], word[2]
    if kind == "elseif" then
      blocks[#blocks] = nil  -- its `then` opens the next one
    elseif opens[kind] then
      blocks[#blocks + 1] = { kind = kind, line = line }
    elseif kind == "end" or kind == "until" then
      local block = table.remove(blocks)
      if block.kind == "function" then
        functions[#functions + 1] = { line = block.line, lines = line - block.line + 1 }
      end
    end
  end
  return functions
end

return tree
