--- Query options of the OData API applied to records: $filter, $orderby, $skip, $top, $inlinecount,
--- $select, $expand, paging by $skiptoken, and filterCustomHeaderProperties. Makes a page:
---   tenant, root, now, records, count (with $inlinecount), next (a URL), expand (a tree)
---   page:uri(set, record)   page:selects(name)   page:inner(tree): the same for what is expanded
local filter = require "iflow.sandbox.api.filter"
local sets = require "iflow.sandbox.api.sets"
local uri = require "iflow.sandbox.api.uri"

local query = {}

local page = {}
page.__index = page

local OF_FEEDS = { ["$filter"] = true, ["$orderby"] = true, ["$top"] = true, ["$skip"] = true,
                   ["$inlinecount"] = true, ["$skiptoken"] = true }
local OF_ALL = { ["$format"] = true, ["$select"] = true, ["$expand"] = true }
local EXPAND_DEPTH_MAX = 5

function page:uri(set, record)
  return ("%s/%s('%s')"):format(self.root, set.name, uri.key(record[set.key]))
end

function page:selects(name) return self.select == nil or self.select[name] == true end

function page:inner(tree)
  return setmetatable({ tenant = self.tenant, root = self.root, now = self.now, expand = tree },
                      page)
end

local function whole(text, name)
  local number = text:match "^%d+$" and math.tointeger(tonumber(text))
  if number then return number end
  return nil, 400, ("%s takes a number of records, not '%s'"):format(name, text)
end

--- Whether the options exist, and may stand with a feed or with a single thing; or nil, status,
--- text.
function query.check(options, is_feed)
  for name in pairs(options) do
    if name:sub(1, 1) == "$" and not OF_FEEDS[name] and not OF_ALL[name] then
      return nil, 501, ("the query option %s is not supported"):format(name)
    elseif OF_FEEDS[name] and not is_feed then
      return nil, 400, ("the query option %s is for collections"):format(name)
    end
  end
  return true
end

-- "EntryPoints,A/B" as a tree.
local function read_expand(text, set)
  local tree = {}
  for path in text:gmatch "[^,]+" do
    local at, of, depth = tree, set, 0
    for name in path:gmatch "[^/%s]+" do
      local navigation = sets.navigation(of, name)
      depth = depth + 1
      if not navigation or depth > EXPAND_DEPTH_MAX then
        return nil, 400, ("there is nothing to expand by the name '%s'"):format(name)
      end
      at[name] = at[name] or {}
      at, of = at[name], sets.find(navigation.set)
    end
  end
  return tree
end

local function read_select(text, set)
  local names = {}
  for name in text:gmatch "[^,%s]+" do
    if name == "*" then return nil end
    local known = sets.navigation(set, name) ~= nil
    for _, property in ipairs(set.properties) do known = known or property[1] == name end
    if not known then return nil, 400, ("there is no property '%s'"):format(name) end
    names[name] = true
  end
  return names
end

--- A page without records, for a single thing: what is selected and expanded of it. nil, status,
--- text when that cannot be. call: { tenant, root, options } of odata.lua.
function query.page(call, set)
  local options = call.options
  local self = setmetatable({ tenant = call.tenant, now = call.tenant.now(), root = call.root },
                            page)
  local status, why
  if options["$expand"] then
    self.expand, status, why = read_expand(options["$expand"], set)
    if not self.expand then return nil, status, why end
  end
  if options["$select"] then
    self.select, status, why = read_select(options["$select"], set)
    if status then return nil, status, why end
  end
  return self
end

local function keep(records, fits)
  local list = {}
  for _, record in ipairs(records) do
    if fits(record) then list[#list + 1] = record end
  end
  return list
end

local function filtered(set, records, options)
  local of, status, why
  if options["$filter"] then
    of, status, why = filter.parse(options["$filter"], sets.types(set))
    if not of then return nil, status, why end
    records = keep(records, of)
  end
  local headers = set.name == "MessageProcessingLogs" and options.filterCustomHeaderProperties
  if not headers then return records end
  of, status, why = filter.custom_headers(headers)
  if not of then return nil, status, why end
  return keep(records, function(record) return of(record.entry.custom_headers or {}) end)
end

-- Null comes first; equal ones stay in their order.
local function before(order, a, b)
  for _, by in ipairs(order) do
    local left, right = by.of(a.record), by.of(b.record)
    if left ~= right then
      local less = left == nil or right ~= nil and left < right
      if by.descending then return not less end
      return less
    end
  end
  return a.place < b.place
end

local function ordered(set, records, text)
  local order, status, why = filter.order(text, sets.types(set))
  if not order then return nil, status, why end
  local places, list = {}, {}
  for i, record in ipairs(records) do places[i] = { record = record, place = i } end
  table.sort(places, function(a, b) return before(order, a, b) end)
  for i, place in ipairs(places) do list[i] = place.record end
  return list
end

-- { skip, top, from (of the page) } as numbers.
local function bounds(options)
  local out = {}
  for name, option in pairs { skip = "$skip", top = "$top", from = "$skiptoken" } do
    if options[option] then
      local status, why
      out[name], status, why = whole(options[option], option)
      if not out[name] then return nil, status, why end
    end
  end
  return out
end

-- The URL of the next page: this request's, with another $skiptoken.
local function next_url(self, set, options, from)
  local parts = { "$skiptoken=" .. from }
  for name, value in pairs(options) do
    if name ~= "$skiptoken" then parts[#parts + 1] = ("%s=%s"):format(name, uri.escape(value)) end
  end
  table.sort(parts)
  return ("%s/%s?%s"):format(self.root, self.path or set.name, (table.concat(parts, "&")))
end

local function cut(self, set, records, options, limits)
  local first = (limits.skip or 0) + (limits.from or 0)
  local last = math.min(#records, (limits.skip or 0) + (limits.top or #records))
  local stop = math.min(last, first + math.max(1, self.tenant.settings.api_page))
  self.records = table.move(records, first + 1, stop, 1, {})
  if stop < last then
    self.next = next_url(self, set, options, (limits.from or 0) + #self.records)
  end
end

--- The page of records that the options ask for; path: of the collection, below the root. nil,
--- status, text when they are wrong.
function query.feed(call, set, records, path)
  local options = call.options
  local self, status, why = query.page(call, set)
  if not self then return nil, status, why end
  self.path = path
  records, status, why = filtered(set, records, options)
  if records and options["$orderby"] then
    records, status, why = ordered(set, records, options["$orderby"])
  end
  if not records then return nil, status, why end
  local limits
  limits, status, why = bounds(options)
  if not limits then return nil, status, why end
  local inline = options["$inlinecount"]
  if inline and inline ~= "none" and inline ~= "allpages" then
    return nil, 400, "$inlinecount takes allpages or none"
  end
  if inline == "allpages" then self.count = #records end
  cut(self, set, records, options, limits)
  return self
end

--- How many records /$count tells: those of the filter.
function query.count(set, records, options)
  local list, status, why = filtered(set, records, options)
  return list and #list, status, why
end

return query
