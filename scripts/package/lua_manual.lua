-- lua_manual.lua -- the page iflow(3lua), from the annotations in lua/iflow/meta that editors and
-- the HTML reference read, too.
local annotations = require "annotations"
local roff = require "roff"
local catalogue = require "iflow.cli.catalogue"

-- Markdown within a line: `code` in bold.
local function inline(text)
  local parts, code = {}, false
  for part in (text .. "`"):gmatch "(.-)`" do
    if part ~= "" then parts[#parts + 1] = code and roff.bold(part) or roff.escape(part) end
    code = not code
  end
  return table.concat(parts)
end

-- What stands below an entry begins a paragraph of its own there.
local function write_blocks(page, text, indented)
  for i, block in ipairs(annotations.blocks(text)) do
    if block.kind == "code" then
      page:code(block.code)
    elseif block.kind == "list" then
      for _, item in ipairs(block.items) do
        page:request("IP", "•", "2"):raw(inline(item))
      end
      if not indented then page:paragraph() end
    else
      if i > 1 and indented then page:request "IP" else page:paragraph() end
      page:raw(inline(block.text))
    end
  end
end

local function type_of(item) return item.type .. (item.optional and "?" or "") end

-- "name: type, text"
local function describe(page, label, item)
  page:request "TP":raw(label .. " " .. roff.italic(type_of(item)))
  page:raw(item.text == "" and "\\&" or inline(item.text:gsub("\n", " ")))
end

local function begin_entries(page) page:request "RS" end
local function end_entries(page) page:request "RE" end

local function write_function(page, fn)
  page:request "TP":raw(roff.bold(annotations.signature(fn)))
  if fn.text == "" then page:raw "\\&" else write_blocks(page, fn.text, true) end
  if #fn.params + #fn.returns == 0 then return end
  begin_entries(page)
  for _, param in ipairs(fn.params) do describe(page, roff.bold(param.name), param) end
  for _, result in ipairs(fn.returns) do
    describe(page, "returns" .. (result.name and " " .. roff.bold(result.name) or ""), result)
  end
  end_entries(page)
end

local function write_class(page, class)
  if #class.fields == 0 then return end
  page:request "TP":raw(roff.bold(class.name))
  local text = class.text
  if #class.parents > 0 then
    text = (text == "" and "" or text .. "\n\n") .. "Has what " .. table.concat(class.parents, ", ")
      .. " has, too."
  end
  if text == "" then page:raw "\\&" else write_blocks(page, text, true) end
  begin_entries(page)
  for _, field in ipairs(class.fields) do describe(page, roff.bold(field.name), field) end
  end_entries(page)
end

local function write_topic(page, topic)
  page:heading(topic.title)
  write_blocks(page, topic.text)
  if #topic.functions > 0 then page:subheading "Functions" end
  for _, fn in ipairs(topic.functions) do write_function(page, fn) end
  local types = false
  for _, class in ipairs(topic.classes) do types = types or #class.fields > 0 end
  if types or #topic.aliases > 0 then page:subheading "Types" end
  for _, alias in ipairs(topic.aliases) do
    page:request "TP":raw(roff.bold(alias.name) .. " = " .. roff.italic(alias.type))
    if alias.text == "" then page:raw "\\&" else write_blocks(page, alias.text, true) end
  end
  for _, class in ipairs(topic.classes) do write_class(page, class) end
end

--- The text of the page. meta: the directory of the annotations.
return function(meta, date)
  local docs = annotations.read(meta)
  local page = roff.new("iflow", "3lua", date, "iflow " .. catalogue.version())
  page:heading "Name":raw "iflow \\- send messages to integration flows from Lua"
  page:heading "Synopsis":raw(roff.bold 'local iflow = require "iflow"')
  for _, topic in ipairs(docs.topics) do write_topic(page, topic) end
  page:heading "See also":raw(roff.bold "iflow" .. "(1),\n" .. roff.bold "iflow-run" .. "(1)")
  return tostring(page)
end
