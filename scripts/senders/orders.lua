-- orders.lua -- sends every order of a CSV file as JSON to the integration flow at /http/orders:
--   iflow run scripts/senders/orders.lua --service-key KEY.json -- [FILE.csv] [--json]
-- Service key, trusted root, proxy and the like are options of `iflow run` or its environment.
-- Prints what became of the orders; the exit code is 0 when all were delivered.
local iflow = require "iflow"

local at_once = 8 -- calls in flight

-- The rows of a CSV text (RFC 4180): quoted fields may hold commas, line breaks and doubled quotes.
local function csv_rows(text)
  local at = 1

  local function quoted_field()
    local from, stop = at + 1, text:find('"', at + 1, true)
    while stop and text:sub(stop + 1, stop + 1) == '"' do stop = text:find('"', stop + 2, true) end
    if not stop then error("the quote at byte " .. at .. " is never closed") end
    at = stop + 1
    return (text:sub(from, stop - 1):gsub('""', '"'))
  end

  local function plain_field()
    local from = at
    at = text:find("[,\r\n]", at) or #text + 1
    return text:sub(from, at - 1)
  end

  return function()
    if at > #text then return nil end
    local row = {}
    while true do
      row[#row + 1] = text:sub(at, at) == '"' and quoted_field() or plain_field()
      if text:sub(at, at) ~= "," then break end
      at = at + 1
    end
    at = text:match("^\r?\n()", at) or (at > #text and at)
      or error("a comma or a line end is missing at byte " .. at)
    return row
  end
end

-- A row as an order: fields by the names of the header, numbers as numbers, nothing for nothing.
local function order_of(row, header)
  local order = {}
  for i, name in ipairs(header) do
    if row[i] ~= "" then order[name] = row[i] end
  end
  order.quantity, order.price = tonumber(order.quantity), tonumber(order.price)
  return order
end

local function read_orders(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  local rows = csv_rows(text)
  local header, orders = rows(), {}
  for row in rows do orders[#orders + 1] = order_of(row, header) end
  return orders
end

local function send(tenant, order)
  return tenant:call {
    to = "/http/orders",
    headers = { ["Content-Type"] = "application/json", SAP_ApplicationID = order.order },
    body = assert(iflow.json.encode(order)),
  }
end

-- Sends all of them, several at once; answers and errors by the number of the order.
local function send_all(tenant, orders)
  local jobs = {}
  for i, order in ipairs(orders) do
    jobs[i] = function() return send(tenant, order) end
  end
  return iflow.all(jobs, { limit = at_once })
end

local function summarize(answers, errors)
  local sum = { sent = answers.n, delivered = 0, rejected = 0, retryable = 0, in_doubt = 0,
    refused = 0 }
  for i = 1, answers.n do
    local answer = answers[i]
    local outcome = answer and answer.outcome or errors[i].outcome
    sum[outcome] = sum[outcome] + 1
    if not answer and iflow.error.exit_code(errors[i]) == 3 then sum.refused = sum.refused + 1 end
    sum.first = sum.first or answer and answer.message_id
    sum.last = answer and answer.message_id or sum.last
  end
  return sum
end

local function report(sum, as_json)
  if as_json then return print(iflow.json.encode(sum, { sort = true })) end
  print(("%d sent, %d delivered, %d rejected, %d to retry, %d in doubt"):format(
    sum.sent, sum.delivered, sum.rejected, sum.retryable, sum.in_doubt))
  print(("first message id %s, last %s"):format(sum.first or "unknown", sum.last or "unknown"))
end

-- 3 when credentials were refused and nothing could be sent, else the worst that is left to do.
local function exit_code(sum)
  if sum.refused > 0 and sum.delivered == 0 then return 3 end
  return sum.in_doubt > 0 and 5 or sum.rejected > 0 and 1 or sum.retryable > 0 and 4 or 0
end

local path, as_json = nil, false
for _, word in ipairs(arg) do
  if word == "--json" then as_json = true else path = word end
end
path = path or arg[0]:gsub("[^/]*$", "") .. "data/orders.csv"

local orders = read_orders(path)
local tenant = assert(iflow.tenant {})
assert(tenant:token()) -- refused credentials end the run here, before the first order
local answers, errors = send_all(tenant, orders)
for i, err in pairs(errors or {}) do
  io.stderr:write(("order %s: %s\n"):format(orders[i].order, err))
end
local sum = summarize(answers, errors)
report(sum, as_json)
tenant:close()
return exit_code(sum)
