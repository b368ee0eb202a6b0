-- nginx.lua -- nginx as the load balancer before a runtime: it ends TLS, verifies the client's
-- certificate against a list of roots without insisting on one, and passes it on only when that
-- succeeded. Runs as its own process on a port of 127.0.0.1, with everything in one directory.
local process = require "spec.support.process"

local nginx = {}

local template = [[
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log $dir/access.log combined;
  client_body_temp_path $dir/body;
  proxy_temp_path $dir/proxy;
  fastcgi_temp_path $dir/fastcgi;
  uwsgi_temp_path $dir/uwsgi;
  scgi_temp_path $dir/scgi;
  map $ssl_client_verify $passed_certificate {
    SUCCESS $ssl_client_escaped_cert;
    default "";
  }
  upstream runtime { server 127.0.0.1:$upstream; keepalive 4; }
  server {
    listen 127.0.0.1:$port ssl;
    ssl_certificate $cert;
    ssl_certificate_key $key;
    ssl_protocols $protocols;
    ssl_client_certificate $roots;
    ssl_verify_client optional_no_ca;
    ssl_verify_depth 4;
    underscores_in_headers $underscores;
    keepalive_requests $requests;
    client_max_body_size 0;
    location / {
      proxy_pass https://runtime;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host_field;
      proxy_set_header SSL_CLIENT_CERT $passed_certificate;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate $upstream_root;
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      proxy_ssl_verify_depth 4;
    }
  }
}
]]

--- Starts nginx before a runtime. opts: dir (process.tempdir), server { cert, key } and roots
--- (files), upstream_root (file), upstream (port), host_field, protocols, underscores, requests (on
--- one connection). The helper's :stop() ends it; .url is where it listens.
function nginx.start(opts)
  local port = process.free_port()
  local values = {
    dir = opts.dir.path, port = port, upstream = opts.upstream, cert = opts.server.cert,
    key = opts.server.key, roots = opts.roots, upstream_root = opts.upstream_root,
    host_field = opts.host_field, protocols = opts.protocols or "TLSv1.2 TLSv1.3",
    underscores = opts.underscores or "on", requests = opts.requests or 1000,
  }
  local conf = opts.dir:write("nginx.conf", (template:gsub("%$([%w_]+)", values)))
  local helper = process.start { "nginx", "-p", opts.dir.path, "-e", "stderr", "-c", conf }
  process.wait_port(port, helper)
  helper.url = ("https://localhost:%d"):format(port)
  return helper
end

return nginx
