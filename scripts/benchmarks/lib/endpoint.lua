-- endpoint.lua -- where the benchmark sends to: nginx over TLS 1.3 on loopback, one worker on its
-- own processor, and the files that clients need: root, service key, body, token.
local core = require "iflow.core"

local endpoint = {}
endpoint.__index = endpoint

-- SAP's tokens are about this long; nobody here reads it.
local CLAIMS = "eyJzY29wZSI6WyJ1YWEucmVzb3VyY2UiXX0"
local TOKEN = "eyJhbGciOiJSUzI1NiJ9." .. CLAIMS:rep(31):sub(1, 1078)

local CONF = [[
daemon off;
worker_processes 1;
worker_cpu_affinity $affinity;
worker_rlimit_nofile 20000;
pid $dir/nginx.pid;
error_log $dir/nginx.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $dir/tmp;
  proxy_temp_path $dir/tmp;
  fastcgi_temp_path $dir/tmp;
  uwsgi_temp_path $dir/tmp;
  scgi_temp_path $dir/tmp;
  upstream slow { server 127.0.0.1:$slow; keepalive 512; }
  server {
    listen 127.0.0.1:$port ssl backlog=4096;
    ssl_certificate $dir/server.pem;
    ssl_certificate_key $dir/server.key;
    ssl_protocols TLSv1.3;
    ssl_session_cache shared:bench:4m;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    location = /oauth/token {
      access_log $dir/token.log;
      default_type application/json;
      return 200 '{"access_token":"$token","token_type":"bearer","expires_in":3599}';
    }
    location /http/ {
      add_header SAP_MessageProcessingLogID AGU2xkzj2bzJqXYi1nEgwzfGqR4Z;
      return 200 '{"ok":true}';
    }
    location /slow/ {
      proxy_pass http://slow;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
]]

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

local function listening(port)
  local hex = (":%04X 00000000:0000 0A"):format(port)
  return (read "/proc/net/tcp" or ""):find(hex, 1, true) ~= nil
end

--- A port that nobody listens on, below the range of outgoing connections.
function endpoint.free_port()
  for _ = 1, 100 do
    local port = math.random(12000, 31000)
    if not listening(port) then return port end
  end
  error "no free port"
end

--- Waits until somebody listens on the port.
function endpoint.wait_port(port)
  for _ = 1, 3000 do
    if listening(port) then return end
    os.execute "sleep 0.01"
  end
  error(("nobody listens on port %d"):format(port))
end

local OPENSSL = [[
cd "$1" && {
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/O=Example AG/CN=Bench Root" \
  -keyout root.key -out ca.pem &&
openssl req -new -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr &&
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >server.ext &&
openssl x509 -req -in server.csr -CA ca.pem -CAkey root.key -CAcreateserial -days 2 \
  -extfile server.ext -out server.pem
} >openssl.log 2>&1]]

local function body()
  local parts = {}
  for i = 1, 12 do
    parts[i] = ('{"position":%02d,"material":"M-%05d","text":"%s","quantity":%d}'):format(i,
      10000 + 37 * i, ("steel pipe "):rep(3):sub(1, 29), 10 * i)
  end
  local text = '{"order":"4711","items":[' .. table.concat(parts, ",") .. ']'
  return text .. ',"note":"' .. ("x"):rep(1024 - #text - 11) .. '"}'
end

function endpoint:write_files()
  assert(os.execute(("set -- %s\n%s"):format(self.dir, OPENSSL)), "openssl failed")
  write(self.dir .. "/body.json", body())
  write(self.dir .. "/token", TOKEN)
  write(self.dir .. "/key.json", core.json.encode { oauth = { clientid = "sb-1!b2|it-rt-acme!b3",
    clientsecret = "s3cret", url = self.url, tokenurl = self.url .. "/oauth/token",
    createdate = "2026-05-04T08:00:00.000Z" } })
end

--- Starts it. bench: work (directory), server_cpu. .url, .port, .slow_port (where a slow server may
--- listen that /slow/ leads to) and .dir, with ca.pem, key.json, body.json and token.
function endpoint.start(bench)
  local self = setmetatable({ dir = bench.work .. "/endpoint", port = endpoint.free_port() },
    endpoint)
  self.slow_port = endpoint.free_port()
  assert(os.execute("mkdir " .. self.dir))
  self.url = ("https://localhost:%d"):format(self.port)
  self.cacert, self.token = self.dir .. "/ca.pem", TOKEN
  self.key, self.body = self.dir .. "/key.json", self.dir .. "/body.json"
  self:write_files()
  local values = { dir = self.dir, port = self.port, slow = self.slow_port, token = TOKEN,
    affinity = ("%d"):format(10 ^ bench.server_cpu) }
  write(self.dir .. "/nginx.conf", (CONF:gsub("%$([%w_]+)", values)))
  bench:spawn(("nginx -p %s -e stderr -c %s/nginx.conf"):format(self.dir, self.dir))
  endpoint.wait_port(self.port)
  return self
end

return endpoint
