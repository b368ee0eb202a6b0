-- service.lua -- the script that the harness serves: orders, which may be repeated and keep the
-- order of their keys; payments, which must not be repeated; invoices, which must not either, but
-- the message log knows what became of them; drops, the lines of dropped files. HARNESS_DIR has the
-- keys and the drop folder, HARNESS_LISTEN is the address of the relays.
local iflow = require "iflow"

local dir, listen = os.getenv "HARNESS_DIR", os.getenv "HARNESS_LISTEN"
local retry = iflow.retry { first = "50ms", factor = 2, max = "500ms", attempts = 10000 }

iflow.sender "orders" {
  service_key = dir .. "/key.json", cacert = dir .. "/sandbox/ca.pem", to = "/http/orders",
  idempotent = true, retry = retry, breaker = false,
  order_by = function(msg) return msg.id:match "^orders%-(%w+)" end,
}

iflow.sender "payments" {
  service_key = dir .. "/key.json", cacert = dir .. "/sandbox/ca.pem", to = "/http/payments",
  retry = retry, breaker = false,
}

iflow.sender "invoices" {
  service_key = dir .. "/key.json", cacert = dir .. "/sandbox/ca.pem", to = "/http/invoices",
  retry = retry, breaker = false,
  api = { service_key = dir .. "/api.json", cacert = dir .. "/sandbox/ca.pem" },
  in_doubt = { policy = "hold", wait = "3s", first = "100ms", max = "500ms" },
}

iflow.sender "drops" {
  service_key = dir .. "/key.json", cacert = dir .. "/sandbox/ca.pem", to = "/http/drops",
  idempotent = true, retry = retry, breaker = false, transform = { iflow.transform.lines {} },
}

if os.getenv "HARNESS_FILES" then
  iflow.files { dir .. "/inbox/*.txt", done = dir .. "/archive", failed = dir .. "/failed",
    sender = "drops", settle = "0s" }
end

iflow.relay { listen = listen, path = "/orders", sender = "orders" }
iflow.relay { listen = listen, path = "/payments", sender = "payments" }
iflow.relay { listen = listen, path = "/invoices", sender = "invoices" }
