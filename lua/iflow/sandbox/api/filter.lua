--- $filter, $orderby and filterCustomHeaderProperties of the OData API: they become functions of a
--- record. Pure. What a query gets wrong is nil, status, text: 400, or 501 for what OData has and
--- this API does not.
local literal = require "iflow.sandbox.api.literal"

local filter = {}

local DEPTH_MAX = 50

local parser = {}
parser.__index = parser

local function bad(text, ...) error({ status = 400, text = text:format(...) }, 0) end
local function unsupported(text, ...) error({ status = 501, text = text:format(...) }, 0) end

local function new(text, types) return setmetatable({ text = text, at = 1, depth = 0,
                                                      types = types }, parser) end

function parser:blanks() self.at = self.text:match("^%s*()", self.at) end

-- The word at the place, without taking it.
function parser:peek()
  self:blanks()
  return self.text:match("^[%a_][%w_]*", self.at)
end

function parser:take(text)
  self:blanks()
  if self.text:sub(self.at, self.at + #text - 1) ~= text then return false end
  self.at = self.at + #text
  return true
end

function parser:take_word(word) return self:peek() == word and self:take(word) end

function parser:expect(text)
  if not self:take(text) then bad("'%s' is expected at character %d", text, self.at) end
end

-- Operands: { kind, of = function(record) -> value } ----------------------------------------------

local FUNCTIONS = {
  startswith = { 2, "Edm.Boolean", function(text, start) return text:sub(1, #start) == start end },
  endswith = { 2, "Edm.Boolean", function(text, ending)
    return ending == "" or text:sub(-#ending) == ending
  end },
  substringof = { 2, "Edm.Boolean", function(part, text)
    return text:find(part, 1, true) ~= nil
  end },
  tolower = { 1, "Edm.String", string.lower }, toupper = { 1, "Edm.String", string.upper },
  trim = { 1, "Edm.String", function(text) return text:match "^%s*(.-)%s*$" end },
}

function parser:call(name)
  local row = FUNCTIONS[name]
  if not row then unsupported("the function '%s' is not supported", name) end
  self:expect "("
  local arguments = {}
  for i = 1, row[1] do
    if i > 1 then self:expect "," end
    arguments[i] = self:inside(self.operand)
    if arguments[i].kind ~= "Edm.String" then bad("'%s' takes texts", name) end
  end
  self:expect ")"
  return { kind = row[2], of = function(record)
    local one = arguments[1].of(record) or ""
    return row[3](one, arguments[2] and (arguments[2].of(record) or ""))
  end }
end

function parser:property()
  local path, after = self.text:match("^([%a_][%w_/]*)()", self.at)
  if not path then bad("a name or a literal is expected at character %d", self.at) end
  self.at = after
  if self:take "(" then
    self.at = self.at - 1
    return self:call(path)
  end
  local kind = self.types[path]
  if not kind then bad("there is no property '%s'", path) end
  local name, part = path:match "^([^/]+)/(.+)$"
  return { kind = kind, of = function(record)
    if part then return (record[name] or {})[part] end
    return record[path]
  end }
end

-- What calls itself for something inside goes through here.
function parser:inside(parse)
  self.depth = self.depth + 1
  if self.depth > DEPTH_MAX then bad("the filter is nested too deeply") end
  local inner = parse(self)
  self.depth = self.depth - 1
  return inner
end

function parser:operand()
  self:blanks()
  if self:take "(" then
    local inner = self:inside(self.disjunction)
    self:expect ")"
    return inner
  end
  local found, after, why = literal.read(self.text, self.at)
  if why then bad("%s", why) end
  if not found then return self:property() end
  self.at = after
  return { kind = found.kind, of = function() return found.value end }
end

-- Comparisons and what joins them -----------------------------------------------------------------

local COMPARE = {
  eq = function(a, b) return a == b end, ne = function(a, b) return a ~= b end,
  gt = function(a, b) return a > b end, ge = function(a, b) return a >= b end,
  lt = function(a, b) return a < b end, le = function(a, b) return a <= b end,
}
local EQUALITY = { eq = true, ne = true } -- the only ones of null and booleans
local ARITHMETIC = { add = true, sub = true, mul = true, div = true, mod = true }

local function comparable(a, b)
  local numbers = { ["Edm.Int32"] = true, ["Edm.Int64"] = true }
  return a.kind == b.kind or a.kind == "null" or b.kind == "null"
    or numbers[a.kind] and numbers[b.kind]
end

function parser:comparison()
  local left = self:operand()
  local word = self:peek()
  if ARITHMETIC[word] then unsupported("'%s' is not supported", word) end
  local compare = COMPARE[word]
  if not compare then return left end
  self:take(word)
  local right = self:operand()
  if not comparable(left, right) or left.kind == "Edm.Boolean" and not EQUALITY[word] then
    bad("%s and %s are not compared by '%s'", left.kind, right.kind, word)
  end
  return { kind = "Edm.Boolean", of = function(record)
    local a, b = left.of(record), right.of(record)
    if (a == nil or b == nil) and not EQUALITY[word] then return false end
    return compare(a, b)
  end }
end

local function logical(operand, word)
  if operand.kind ~= "Edm.Boolean" then bad("'%s' joins conditions", word) end
  return operand.of
end

function parser:negation()
  if not self:take_word "not" then return self:comparison() end
  local of = logical(self:inside(self.negation), "not")
  return { kind = "Edm.Boolean", of = function(record) return not of(record) end }
end

function parser:conjunction()
  local left = self:negation()
  while self:take_word "and" do
    local a, b = logical(left, "and"), logical(self:negation(), "and")
    left = { kind = "Edm.Boolean", of = function(record) return a(record) and b(record) end }
  end
  return left
end

function parser:disjunction()
  local left = self:conjunction()
  while self:take_word "or" do
    local a, b = logical(left, "or"), logical(self:conjunction(), "or")
    left = { kind = "Edm.Boolean", of = function(record) return a(record) or b(record) end }
  end
  return left
end

local function parsed(parse, ...)
  local fine, result = pcall(parse, ...)
  if fine then return result end
  if type(result) ~= "table" or not result.status then error(result, 0) end
  return nil, result.status, result.text
end

local function at_end(self)
  self:blanks()
  if self.at <= #self.text then bad("'%s' is not understood", self.text:sub(self.at)) end
end

--- types: EDM type by property, "Name/Part" for one of a complex property. Returns function(record)
--- -> boolean; or nil, status, text.
function filter.parse(text, types)
  return parsed(function()
    local self = new(text, types)
    local of = logical(self:disjunction(), "$filter")
    at_end(self)
    return of
  end)
end

--- "LogEnd desc,Status" -> a list of { of, descending }; or nil, status, text.
function filter.order(text, types)
  return parsed(function()
    local self, list = new(text, types), {}
    repeat
      self:blanks()
      local operand = self:property()
      local descending = self:take_word "desc"
      if not descending then self:take_word "asc" end
      list[#list + 1] = { of = operand.of, descending = descending }
    until not self:take ","
    at_end(self)
    return list
  end)
end

--- "'po_number' eq '12345'", also several joined by "and" or "or" -> function(list of { name,
--- value }) -> boolean; or nil, status, text.
function filter.custom_headers(text)
  local function pair(self)
    self:blanks()
    local name = self:operand()
    self:expect "eq"
    local value = self:operand()
    if name.kind ~= "Edm.String" or value.kind ~= "Edm.String" then
      bad "texts are expected: 'name' eq 'value'"
    end
    return { kind = "Edm.Boolean", of = function(list)
      for _, header in ipairs(list) do
        if header.name == name.of() and header.value == value.of() then return true end
      end
      return false
    end }
  end
  return parsed(function()
    local self = new(text, {})
    self.comparison = pair
    local of = logical(self:disjunction(), "filterCustomHeaderProperties")
    at_end(self)
    return of
  end)
end

return filter
