-- reference.lua -- the HTML reference of the Lua module: one page without any other resource, made
-- of the annotations in lua/iflow/meta, which editors read, too. pages.lua writes it.
--
--   local reference = require "reference"
--   local page = reference { docs = annotations.read(META), version = "0.1.0", style = CSS,
--     codes = { { code =, retryable =, exit_code =, hint = } … } }
local annotations = require "annotations"
local html = require "html"

local escape, anchor = html.escape, html.anchor

local page = {}
page.__index = page

function page:add(text, ...)
  self.parts[#self.parts + 1] = select("#", ...) > 0 and text:format(...) or text
end

-- Links -------------------------------------------------------------------------------------------

-- A function may have the name of the class that it makes; methods of two classes look the same.
local function fn_anchor(fn)
  return (fn.method and fn.class .. "-" .. fn.name or anchor(fn.title)) .. "()"
end

-- Where types lead, classes and aliases by their names; and where words of texts lead, functions as
-- they are written, codes of errors, and types.
local function targets_of(docs, codes)
  local types, words = {}, {}
  for name in pairs(docs.classes) do types[name] = anchor(name) end
  for name in pairs(docs.aliases) do types[name] = anchor(name) end
  for _, topic in ipairs(docs.topics) do
    for _, fn in ipairs(topic.functions) do words[fn.title] = fn_anchor(fn) end
  end
  for _, row in ipairs(codes) do words[row.code] = anchor(row.code) end
  return types, function(text) return words[text] or types[text] end
end

-- A type, whose names lead to what they are.
function page:type(text)
  local shown = escape(text):gsub("iflow[%w_.]*", function(name)
    local target = self.targets[name]
    return target and ('<a href="#%s">%s</a>'):format(target, name) or name
  end)
  return "<code>" .. shown:gsub("|", "|<wbr>") .. "</code>"
end

-- A type that may be nil.
local function optional(item)
  if not item.optional then return item.type end
  return item.type:find("fun(", 1, true) and ("(%s)?"):format(item.type) or item.type .. "?"
end

function page:inline(text) return html.inline(text:gsub("\n", " "), self.link) end

function page:text(text) self:add(html.text(text, self.link)) end

-- Tables ------------------------------------------------------------------------------------------

-- What is said besides default and need, which have a place of their own.
local function plain_text(item)
  local text = item.text:gsub("%s*Default:%s+`[^`]+`%.?", ""):gsub("%s*Needed%.", "")
  return text
end

local function last_column(item)
  if item.default then return "<code>" .. escape(item.default) .. "</code>" end
  return item.text:find "Needed%." and '<span class="needed">needed</span>' or ""
end

-- Rows of options and parameters; `last` names the last column, nil: there is none.
function page:rows(items, heads, last)
  self:add '<div class="scroll"><table class="rows">\n<tr>'
  for _, head in ipairs(heads) do self:add("<th>%s</th>", head) end
  if last then self:add("<th>%s</th>", last) end
  self:add "</tr>\n"
  for _, item in ipairs(items) do
    local kind = last and item.type or optional(item)
    self:add('<tr><td class="name"><code>%s</code></td><td class="type">%s</td><td>%s</td>',
      escape(item.name or ""), self:type(kind), self:inline(plain_text(item)))
    if last then self:add('<td class="default">%s</td>', last_column(item)) end
    self:add "</tr>\n"
  end
  self:add "</table></div>\n"
end

local function has_defaults(items)
  for _, item in ipairs(items) do
    if last_column(item) ~= "" then return true end
  end
  return false
end

-- Entries -----------------------------------------------------------------------------------------

function page:head(id, shown, kind)
  self:add('<h3 id="%s"><a href="#%s"><code>%s</code></a> <span class="kind">%s</span></h3>\n',
    id, id, escape(shown), kind)
end

function page:fn(fn)
  self:head(fn_anchor(fn), annotations.signature(fn), "")
  self:text(fn.text)
  if #fn.params > 0 then
    self:rows(fn.params, { "Parameter", "Type", "" }, has_defaults(fn.params) and "Default" or nil)
  end
  if #fn.returns > 0 then self:rows(fn.returns, { "Returns", "Type", "" }) end
end

function page:calls(class)
  for _, call in ipairs(class.calls) do
    local names = {}
    for i, param in ipairs(call.params) do names[i] = param.name end
    self:add("<p>Called as a function: <code>%s(%s)</code>", escape(class.title or class.name),
      table.concat(names, ", "))
    for i, result in ipairs(call.returns) do
      self:add("%s %s", i == 1 and "; returns" or ",", self:type(optional(result)))
    end
    self:add ".</p>\n"
  end
end

function page:class(class)
  if class.name == "iflow" and class.topic ~= "iflow" then return end
  self:head(anchor(class.name), class.name, class.name:find "options$" and "options" or "class")
  self:text(class.text)
  if #class.parents > 0 then
    local list = {}
    for i, parent in ipairs(class.parents) do list[i] = self:type(parent) end
    self:add("<p>With all of %s.</p>\n", table.concat(list, ", "))
  end
  self:calls(class)
  if #class.fields > 0 then
    local last = has_defaults(class.fields) and "Default" or nil
    self:rows(class.fields, { "Field", "Type", "" }, last)
  end
end

function page:alias(alias)
  self:head(anchor(alias.name), alias.name, "type")
  self:text(alias.text)
  self:add("<p>%s</p>\n", self:type(alias.type))
end

-- Topics ------------------------------------------------------------------------------------------

local function entries_of(topic)
  local list = {}
  for kind, items in pairs { fn = topic.functions, class = topic.classes, alias = topic.aliases } do
    for _, item in ipairs(items) do list[#list + 1] = { kind = kind, item = item } end
  end
  table.sort(list, function(a, b) return a.item.line < b.item.line end)
  return list
end

function page:topic(topic)
  self:add('<section>\n<h2 id="topic-%s"><a href="#topic-%s">%s</a></h2>\n', topic.name,
    topic.name, escape(topic.title))
  self:text(topic.text)
  for _, entry in ipairs(entries_of(topic)) do self[entry.kind](self, entry.item) end
  self:add "</section>\n"
end

function page:menu(docs, version)
  self:add("<nav>\n<h1>iflow <small>%s, Lua module</small></h1>\n", escape(version))
  for _, topic in ipairs(docs.topics) do
    self:add('<details><summary><a href="#topic-%s">%s</a></summary>\n<ul>\n', topic.name,
      escape(topic.title:match "^[^:,]+"))
    for _, fn in ipairs(topic.functions) do
      self:add('<li><a href="#%s"><code>%s</code></a></li>\n', fn_anchor(fn), escape(fn.title))
    end
    self:add "</ul></details>\n"
  end
  self:add '<p><a href="#codes">Codes of errors</a></p>\n</nav>\n'
end

function page:codes(codes)
  self:add '<section>\n<h2 id="codes"><a href="#codes">Codes of errors</a></h2>\n'
  self:add '<div class="scroll"><table>\n<tr><th>Code</th><th>Again?</th><th>Exit code</th>'
  self:add "<th>What to do</th></tr>\n"
  for _, row in ipairs(codes) do
    self:add('<tr id="%s"><td class="name"><code>%s</code></td><td>%s</td><td>%d</td><td>%s</td>'
      .. "</tr>\n", anchor(row.code), escape(row.code), row.retryable and "yes" or "no",
      row.exit_code, escape(row.hint))
  end
  self:add "</table></div>\n</section>\n"
end

--- The page. about: docs, version, style, codes, as above.
return function(about)
  local self = setmetatable({ parts = {} }, page)
  self.targets, self.link = targets_of(about.docs, about.codes)
  self:add '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
  self:add '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
  self:add("<title>iflow %s: reference of the Lua module</title>\n", escape(about.version))
  self.parts[#self.parts + 1] = "<style>\n" .. about.style .. "</style>\n</head>\n<body>\n"
  self:menu(about.docs, about.version)
  self:add "<main>\n"
  for _, topic in ipairs(about.docs.topics) do self:topic(topic) end
  self:codes(about.codes)
  self:add "</main>\n</body>\n</html>\n"
  return table.concat(self.parts)
end
