-- outbox_story.lua -- makes outbox.db in the current directory: messages in every state, as a
-- service leaves them. For `iflow run` in spec/cli/outbox.t, and as a module for specs.
local outbox = require "iflow.outbox"

local function put(box, n, fields)
  fields.id, fields.sender = ("018f-%d"):format(n), fields.sender or "orders"
  fields.body = fields.body or ('{"order":%d}'):format(4710 + n)
  assert(box:enqueue(fields))
end

local function enqueue_all(box)
  put(box, 1, { key = "c-17", content_type = "application/json",
    headers = { Region = "EMEA", Authorization = "Bearer not-to-be-shown" },
    source = { file = "orders.csv", line = 12, record = 11 } })
  put(box, 2, { key = "c-17" })
  put(box, 3, {})
  put(box, 4, { key = "c-18", content_type = "application/json" })
  put(box, 5, { body = "", source = { file = "orders.csv", line = 16 },
    about = { no_body = true, step = 2, data = { order = 4715, qty = "x7" } } })
  put(box, 6, {})
  put(box, 7, {})
  put(box, 8, { sender = "invoices" })
  put(box, 9, { sender = "invoices", body = ("\0\1\254PDF"):rep(200) })
end

local function claim(box, sender) return assert(box:claim(sender, 1))[1] end

local mpl = "AGn4UgBohP2kaoL0qlLJX4tBIh3h"

-- 1: waits for its time; 3: in doubt; 4, 5, 9: dead letters; 6: delivered; 8: its attempt began.
local function attempt_all(box, now)
  assert(box:retry(claim(box, "orders"), { began = now - 65, ended = now - 5, status = 503,
    code = "call.unavailable", error = "the runtime answered 503", not_before = now + 3599 }))
  local third, fourth, fifth = claim(box, "orders"), claim(box, "orders"), claim(box, "orders")
  assert(box:in_doubt(third, { began = now - 40, ended = now - 10, code = "call.in_doubt",
    error = "the connection broke after the request was sent" }))
  assert(box:retry(fourth, { began = now - 9, ended = now - 8, status = 503,
    code = "call.unavailable", error = "the runtime answered 503" }))
  assert(box:rejected(fifth, { code = "transform.invalid",
    error = "orders.csv:16: qty: 'x7' is no number" }))
  assert(box:rejected(claim(box, "orders"), { began = now - 2, ended = now - 1.75, status = 500,
    code = "call.rejected", error = "An internal server error occured", message_id = mpl }))
  assert(box:delivered(claim(box, "orders"), { status = 200, message_id = mpl }))
  local eighth = claim(box, "invoices")
  assert(box:rejected(claim(box, "invoices"), { status = 404, code = "call.rejected",
    error = "there is no flow at /http/invoices" }))
  assert(box:start(eighth))
end

--- Makes it at the path.
local function make(path)
  local box <close> = assert(outbox.open { path = path })
  enqueue_all(box)
  attempt_all(box, os.time())
end

if ... == "spec.support.outbox_story" then return { make = make } end
make "outbox.db"
