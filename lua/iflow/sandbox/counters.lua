--- What the sandbox counts, so that a test can show "one token request for 1,000 coroutines".
local counters = {}
counters.__index = counters

local CONNECTIONS_MAX = 4096 -- peers remembered to tell a new connection from a known one

function counters.new()
  return setmetatable({
    requests = { token = 0, token_cert = 0, runtime = 0, api = 0, cf = 0 },
    token_requests = 0, tokens_issued = 0, csrf_tokens = 0,
    flows = {},      -- runs a flow
    handshakes = {}, -- TLS connections, by fingerprint of the client certificate or "none"
    peers = {}, known = 0,
  }, counters)
end

--- A request arrived over the connection of peer, which presented the certificate fingerprint.
function counters:request(kind, peer, fingerprint)
  self.requests[kind] = self.requests[kind] + 1
  local connection = kind .. " " .. tostring(peer)
  local identity = fingerprint or "none"
  if self.peers[connection] == identity then return end
  if self.peers[connection] == nil then
    if self.known >= CONNECTIONS_MAX then self.peers, self.known = {}, 0 end
    self.known = self.known + 1
  end
  self.peers[connection] = identity
  self.handshakes[identity] = (self.handshakes[identity] or 0) + 1
end

function counters:flow(name) self.flows[name] = (self.flows[name] or 0) + 1 end

local function copy(t)
  local out = {}
  for name, value in pairs(t) do out[name] = type(value) == "table" and copy(value) or value end
  return out
end

function counters:snapshot()
  local all = copy(self)
  all.peers, all.known = nil, nil
  return all
end

return counters
