-- invoices.lua -- sends the invoices of a SQLite database to the integration flow at
-- /http/invoices, a page after the other in the order of their ids. After each page its last id is
-- written down; a run that was ended, however it was, is taken up there by the next one. What of
-- the page under way had arrived comes again with the same id, and the flow recognises it.
--   iflow run scripts/senders/invoices.lua --set database=FILE --set state=FILE
local iflow = require "iflow"

local PAGE = 25

local invoices = iflow.sender "invoices" {
  to         = "/http/invoices",
  transform  = iflow.transform.to_json {},
  idempotent = true,
  message_id = function(msg) return "invoice-" .. msg.data.id end,
  on_rejected = function(_, err) iflow.log.write("error", "invoices", tostring(err)) end,
}

-- The invoices that come next behind that id: a list, empty at the end.
local function page_behind(id, database)
  local query = ("SELECT * FROM invoice WHERE id > %d ORDER BY id LIMIT %d"):format(id, PAGE)
  local sqlite = assert(io.popen(("sqlite3 -readonly -json '%s' '%s'"):format(database, query)))
  local rows = sqlite:read "a"
  assert(sqlite:close(), "sqlite3 failed")
  return rows == "" and {} or assert(iflow.json.decode(rows))
end

local function last_sent(state)
  local file <close> = io.open(state)
  return file and file:read "n" or 0
end

-- The file is replaced as a whole: at any time it has the old id or the new one.
local function remember(id, state)
  local file = assert(io.open(state .. ".new", "w"))
  assert(file:write(id, "\n"))
  assert(file:close())
  assert(os.rename(state .. ".new", state))
end

-- Sends what is new: how many there were, and their summary when not all were delivered.
local function export(database, state)
  local sent, id = 0, last_sent(state)
  local page = page_behind(id, database)
  while #page > 0 do
    local summary = assert(invoices:send_all(page))
    sent = sent + summary.delivered
    if summary.delivered < #page then return sent, summary end
    id = page[#page].id
    remember(id, state)
    page = page_behind(id, database)
  end
  return sent
end

local args = iflow.args
if args.database then
  local sent, failed = export(args.database, args.state or "invoices.state")
  print(("%d invoices sent"):format(sent))
  if failed then print(("stopped before all were sent: %s"):format(failed)) end
  return failed and failed:exit_code()
end

-- A database with that many invoices, and where the state will be.
local function shop(t, count)
  local database = t:file("shop.db", "")
  assert(os.execute(([[sqlite3 '%s' "CREATE TABLE invoice (id INTEGER PRIMARY KEY, number TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
    INSERT INTO invoice SELECT i, 'R-' || i FROM n"]]):format(database, count)))
  return database, database .. ".state"
end

iflow.test("every invoice arrives once, however often the export runs", function(t)
  local flow = t:flow { address = "/invoices" }
  local database, state = shop(t, 60)
  t:equal(60, export(database, state))
  t:equal(0, export(database, state))
  t:equal(60, #flow.received)
end)

iflow.test("an export that was stopped is taken up at its page", function(t)
  local full, taken = true, {}
  local function take(exchange)
    local id = exchange:header "SAP_ApplicationID"
    if full and id == "invoice-40" then return 422, {}, "the books are closed" end
    taken[id] = (taken[id] or 0) + 1
    return 200, {}, ""
  end
  t:flow { address = "/invoices", allowed_headers = "SAP_ApplicationID", process = take }
  local database, state = shop(t, 60)
  local sent, failed = export(database, state)
  t:equal({ 49, 1, 25 }, { sent, failed.rejected, last_sent(state) })
  full = false
  t:equal(35, export(database, state))
  t:equal({ 1, 2, 1 }, { taken["invoice-25"], taken["invoice-26"], taken["invoice-60"] })
end)
