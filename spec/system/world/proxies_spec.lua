-- The client against Node's https through tinyproxy, squid (CONNECT) and microsocks (SOCKS5).
local core = require "iflow.core"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local proxies = require "spec.support.world.proxies"
local world = require "spec.support.world"

--- A request by the proxy that asks, as `user` ("joe:geheim@" or "").
local function by(peer, user, options, where)
  options = options or {}
  options.proxy = ("%s://%s%s"):format(peer.through.scheme, user, peer.through.asking)
  return peer:request(where or "/text", options)
end

local function refused(code, retryable, answer, err)
  assert.is_nil(answer)
  assert.equal(code, err.code)
  assert.equal("nothing", err.sent)
  assert.equal(retryable, err.retryable)
  return err
end

local function password(peer)
  assert.equal(200, assert(by(peer, "joe:geheim@")).status)
  assert.equal(200, assert(by(peer, "", { proxy_userpwd = core.secret.new "joe:geheim" })).status)
end

local function wrong_password(peer)
  for _, user in ipairs { "", "joe:falsch@", "jim:geheim@" } do
    local err = refused("net.proxy_auth", false, by(peer, user))
    assert.is_nil((tostring(err) .. (err.hint or "")):find("falsch", 1, true))
  end
  local secret = core.secret.new "joe:falsch"
  refused("net.proxy_auth", false, by(peer, "", { proxy_userpwd = secret }))
end

local function forbidden_port(peer)
  refused("net.proxy", true, by(peer, "joe:geheim@", nil, "raw:/drip"))
end

local function nobody_there(peer)
  peer.ports.nobody = process.free_port()
  refused("net.proxy", true, peer:request "nobody:/text")
  refused("net.proxy", true, peer:request("/text", { url = "https://nobody.invalid/" }))
end

--- The TLS is with the server: a root that it is not from is found out as without a proxy.
local function unknown_root(peer)
  local other = pki.authority(peer.root.dir, "Other Root")
  refused("tls.chain", false, peer:request("/text", { cacert = other.cert }))
end

local function resolved_here(peer)
  local url = peer.through.open:gsub("^socks5h", "socks5")
  assert.equal(200, peer:get("/text", { proxy = url }).status)
  refused("net.dns", true, peer:request("/text", { proxy = url, url = "https://nobody.invalid/" }))
end

local function gone(peer)
  local url = ("%s://127.0.0.1:%d"):format(peer.through.scheme, process.free_port())
  refused("net.proxy", true, peer:request("/text", { proxy = url }))
end

for _, kind in ipairs { "tinyproxy", "squid", "microsocks" } do
  world.describe("Node through " .. kind, {
    start = function(root)
      local node, ports = world.node(root)
      local proxy = proxies[kind](root, ports, "raw")
      local helpers = table.move(proxy.helpers, 1, #proxy.helpers, 2, { node })
      return { ports = ports, helpers = helpers, proxy = proxy.open, through = proxy,
               log = function() return node.dir:read "out" end }
    end,
    can = {
      length = "/text", chunked = "/chunked", trailers = "/trailers", until_close = "/until-close",
      head = { "/text", "/chunked", "/gzip" }, empty = "/empty", not_modified = "/text",
      interim = "/interim", gzip = "/gzip", headers = "/headers", drip = "raw:/drip",
      split = kind == "squid" and "raw:/split/" or nil, -- the others wait 40 ms at each place
      keep_alive = "/text", parallel = "/up/", close = "/close", limit = "limited:/text",
      idle_close = kind == "squid" and { get = "brief:/text", put = "brief:/up/" } or nil,
      upload = "/up/", continue = "/up/", continue_refused = { [401] = "/early/401" },
      expectation_failed = "/417/", early = { { 413, "/early/413" }, { 503, "/early/503" } },
      early_success = "/at-once/", large = { up = "/up/", down = "/big" },
    },
    part = true,
    more = {
      ["user and password of the proxy"] = password,
      ["no password, or a wrong one"] = wrong_password,
      ["a port it does not allow"] = kind ~= "microsocks" and forbidden_port or nil,
      ["nobody behind it"] = nobody_there,
      ["a server of an unknown root"] = unknown_root,
      ["the name resolved here"] = kind == "microsocks" and resolved_here or nil,
      ["no proxy there"] = gone,
    },
  })
end
