--- Lists of the Cloud Foundry API: filters, order and pages (sap-reference 2.6). Pure.
local core = require "iflow.core"
local failure = require "iflow.sandbox.cf.failure"
local web = require "iflow.sandbox.web"

local page = {}

local PER_PAGE, PER_PAGE_MAX = 50, 5000
local PAGING = { page = true, per_page = true, order_by = true }

local function sorted_names(...)
  local names = {}
  for _, list in ipairs { ... } do
    for name in pairs(list) do names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function quoted(names) return "'" .. table.concat(names, "', '") .. "'" end

local function bad(text, ...) return nil, failure.answer("BadQueryParameter", text:format(...)) end

--- Checks the fields of a query: those of a list (paged), the names of filters, and others that
--- known(name) tells. Returns them, or nil and an answer.
function page.check(query, filters, known, paged)
  local fields = web.form(query)
  if not fields then return bad "The query cannot be read" end
  local unknown = {}
  for name in pairs(fields) do
    if not (paged and PAGING[name]) and not filters[name] and not known(name) then
      unknown[#unknown + 1] = name
    end
  end
  table.sort(unknown)
  if unknown[1] then
    return bad("Unknown query parameter(s): %s. Valid parameters are: %s", quoted(unknown),
               quoted(sorted_names(paged and PAGING or {}, filters)))
  end
  return fields
end

local function positive(text)
  local number = math.tointeger(tonumber(text))
  return number and number > 0 and number or nil
end

local function read_paging(fields, orders)
  local number, size = positive(fields.page or 1), positive(fields.per_page or PER_PAGE)
  if not number then return bad "Page must be a positive integer" end
  if not size then return bad "Per page must be a positive integer" end
  if size > PER_PAGE_MAX then return bad("Per page must be between 1 and %d", PER_PAGE_MAX) end
  local sign, order = (fields.order_by or "created_at"):match "^([+-]?)(.*)$"
  if not orders[order] then
    return bad("Order by can only be: %s", quoted(sorted_names(orders)))
  end
  return { number = number, size = size, order = orders[order], down = sign == "-" }
end

-- The words of a filter: separated by commas.
local function wanted(text)
  local set = {}
  for word in (text .. ","):gmatch "([^,]*)," do set[word] = true end
  return set
end

local function passes(item, fields, filters)
  for name, text in pairs(fields) do
    if filters[name] and not filters[name](item, wanted(text)) then return false end
  end
  return true
end

local function arrange(list, paging)
  local place = {}
  for i, item in ipairs(list) do place[item] = i end
  table.sort(list, function(a, b)
    local x, y = paging.order(a), paging.order(b)
    if paging.down then x, y = y, x end
    if x ~= y then return x < y end
    return place[a] < place[b]
  end)
end

local function escape(text)
  return (text:gsub("[^%w_.~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function href(url, fields, number, size)
  local all = { page = tostring(number), per_page = tostring(size) }
  for name, value in pairs(fields) do all[name] = all[name] or value end
  local words = {}
  for i, name in ipairs(sorted_names(all)) do words[i] = name .. "=" .. escape(all[name]) end
  return { href = url .. "?" .. table.concat(words, "&") }
end

local function pagination(url, fields, paging, total)
  local last = math.max(1, math.ceil(total / paging.size))
  local function at(number)
    if number < 1 or number > last then return core.json.null end
    return href(url, fields, number, paging.size)
  end
  return { total_results = total, total_pages = last, first = at(1), last = at(last),
           next = at(paging.number + 1), previous = at(paging.number - 1) }
end

-- By what lists can be ordered.
local ORDERS = { created_at = function(item) return item.created end,
                 updated_at = function(item) return item.updated or item.created end }
local NAMED = { name = function(item) return item.name end }
for name, order in pairs(ORDERS) do NAMED[name] = order end

--- One page of a list: { pagination, resources }; or nil and an answer.
--- url: of the list; fields: as page.check returned them; filters: name -> function(item, set of
--- words) -> whether it passes; present(item) -> the resource; named: whether items have names.
function page.of(list, opts)
  local paging, refused = read_paging(opts.fields, opts.named and NAMED or ORDERS)
  if not paging then return nil, refused end
  local kept = {}
  for _, item in ipairs(list) do
    if passes(item, opts.fields, opts.filters) then kept[#kept + 1] = item end
  end
  arrange(kept, paging)
  local resources = core.json.array {}
  local first = (paging.number - 1) * paging.size
  for i = first + 1, math.min(first + paging.size, #kept) do
    resources[#resources + 1] = opts.present(kept[i])
  end
  return { pagination = pagination(opts.url, opts.fields, paging, #kept), resources = resources }
end

return page
