--- Relays: a local HTTP endpoint for systems that cannot do OAuth.
--
--   iflow.relay { listen = "127.0.0.1:8080", path = "/orders", sender = "orders" }
--
-- `iflow serve` listens there. A POST is answered when its message is durable: 202 and JSON,
-- { "id": "…", "state": "accepted" }; the header of the sender's message id (SAP_ApplicationID)
-- repeats the id. A client that sends that header itself chooses the id: posted again, it is known
-- (200, state "known") and not sent twice. Options, all but `path` and `sender` optional:
--   listen       address and port, "127.0.0.1:8080" by default; port 0: a free one. Relays of one
--                address share it, each with its own path.
--   path         of the requests, all of it: "/orders" is neither "/orders/" nor "/orders/1"
--   sender       name of the sender; or function(request) -> name, or iflow.reject("why").
--                request: method, path, query (a table), headers, peer, subject (of the client
--                certificate), content_type
--   name         of the relay, in logs; default: address and path
--   wait         true (a minute) or a time: the answer waits for the iFlow's, whose status, content
--                type, SAP_MessageProcessingLogID and body it passes on. None in time: 202 as
--                above, since the message stays in the outbox; in doubt: 504; retries used up: 502.
--   headers      headers that go on to the tenant; "*" stands for anything, a name in full also for
--                its spelling. Default: { "SAP_*", "X-Correlation-ID" }. Content-Type always does,
--                and the client's trace (traceparent, tracestate: lua/iflow/trace.lua); one that is
--                not valid is replaced by a new one.
--   query        query parameters that go on, as headers: { plant = "X-Plant" }
--   max_body     bytes of a body, 10 MiB by default; a larger one is refused (413). From 1 MiB on
--                it is in a file: functions of the message see { file = path }, or use msg:text()
--   api_key_file path of a file, private to its owner, with the key that clients show as X-API-Key
--                or "Authorization: Bearer KEY"; or a list of such paths, each key will do
--   cert, key, pass_file    certificate, key and its passphrase file: makes it HTTPS; also by
--                systemd's credentials, variables or commands, as of iflow.tenant
--   client_ca    PEM file: clients must show a certificate that leads to one of these
--   subjects     the certificates' subjects that are let in, as `iflow cert show` prints them
--   origins      web pages that may post, "https://intranet.example"; others are refused (403)
--   hosts        more names for the Host field than the address and localhost; others: 421
--   concurrency  requests at work at once, 256 by default; more are told to come again (503)
--   rate         requests a second at most; more are told to come again (429)
--   max_connections, head_timeout, body_gap, idle_timeout, total_timeout    limits of the address:
--                1000, "20s", "20s", "60s" and "10m"
-- cert to client_ca and the limits of the address are said by its first relay; a further one leaves
-- them out. An address that other machines can reach needs cert, and api_key_file or client_ca.
--
-- Refused are also: an unknown path (404), another method than POST (405), a body that a transform
-- rejects (422), one without a length (411), one with a Content-Encoding that `headers` does not
-- name (415). 503 with Retry-After: the outbox is full or cannot write, or the service stops.

local caller = require "iflow.caller"
local check = require("iflow.service.relay.definition").check
local registry = require "iflow.registry"

local relay = { __name = "iflow.relay", kind = "relay" }
relay.__index = relay

--- Starts it for a service; see lua/iflow/service/relay.lua.
function relay:start(service) return require("iflow.service.relay").start(self, service) end

--- For a reload: makes it ready while another one of its address runs.
function relay:prepare(service) return require("iflow.service.relay").prepare(self, service) end

function relay:__tostring() return "iflow.relay: " .. self.name end

-- The relays of a registry, in their order.
local function relays_of(current)
  local found = {}
  for _, trigger in ipairs(current.triggers) do
    if trigger.kind == "relay" then found[#found + 1] = trigger end
  end
  return found
end

--- Defines one: raises at that line when something is wrong. Returns it.
return function(options)
  local checked = check(options, relays_of(registry.current()), 2)
  local self = setmetatable({ name = checked.name, place = caller.place(2), options = checked },
    relay)
  registry.add_trigger(self, 2)
  return self
end
