--- A call as a shell script of curl commands. Internal; for `iflow curl`.
--
--   local text, err = curl(plan, secrets)       plan: plan.lua; secrets: secrets.lua
--
-- No secret stands in the script: client secret and passphrase are in curl config files (-K), the
-- token gets into a file of header lines (-H @FILE) that the script makes itself.

local hardware = require "iflow.hardware"
local new_plan = require "iflow.export.plan"

-- Words of a shell --------------------------------------------------------------------------------

local function quoted(word)
  if word:find "^[%w_@%%+=:,./-]+$" then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- One command of `lines`, each an option with its value, broken for the eye.
local function command(lines)
  local texts = {}
  for i, words in ipairs(lines) do
    local line = {}
    for k, word in ipairs(words) do line[k] = quoted(word) end
    texts[i] = table.concat(line, " ")
  end
  return table.concat(texts, " \\\n  ")
end

-- A value in a config file of curl (its manual, -K).
local function config_line(name, value)
  local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r",
    ["\v"] = "\\v" }
  return ('%s = "%s"\n'):format(name, (value:gsub('[\\"\t\n\r\v]', escapes)))
end

-- Secrets -----------------------------------------------------------------------------------------

-- A proxy's URL without user and password, and these as a config line. The scheme may be missing.
local function proxy_of(url)
  local scheme = url:match "^%a[%w+.-]*://" or ""
  local user, rest = url:sub(#scheme + 1):match "^([^/]*)@(.*)$"
  if not user then return url, "" end
  return scheme .. rest, config_line("proxy-user", user)
end

local function passphrase_line(certificate)
  local passphrase = certificate and certificate.passphrase
  return passphrase and config_line("pass", passphrase:reveal()) or ""
end

-- The files of the certificate: those of the user, or written from the service key or from what
-- commands print.
local function certificate_files(certificate, secrets)
  if not certificate then return nil end
  local files = { cert = certificate.cert, key = certificate.key, type = certificate.type }
  for _, name in ipairs { "cert", "key" } do
    local pem, err = certificate[name .. "_pem"], nil
    if pem then files[name], err = secrets:write(("client.%s.pem"):format(name), pem:reveal()) end
    if err then return nil, err end
  end
  return files
end

-- Writes a config file; its path, nil when there is nothing to write in it, or nil, err.
local function write_config(secrets, name, text)
  if text == "" then return nil end
  return secrets:write(name, text)
end

-- iflow form-encodes both halves, which the header tells (sap-reference 4.1).
local function token_config(plan)
  local secret = plan.secret and plan.secret:reveal()
  if plan.token.way == "basic" then
    return config_line("user", ("%s:%s"):format(new_plan.form_encoded(plan.client_id),
      new_plan.form_encoded(secret))) .. config_line("header", "X-CF-ENCODED-CREDENTIALS: true")
  elseif plan.token.way == "body" then
    return config_line("data", "client_secret=" .. new_plan.form_encoded(secret))
  end
  return ""
end

-- Commands ----------------------------------------------------------------------------------------

-- curl looks for a passphrase behind a colon, but not behind "\:".
local function certificate_word(path)
  if hardware.is_named(path) then return path end
  return (path:gsub("[\\:]", "\\%0"))
end

-- What every command has: how to get there, and whom to trust.
local function common(plan, files, proxy)
  local lines = { { "curl", "--silent", "--show-error", "--globoff" } } -- [1-3] is one call
  if plan.cacert then lines[#lines + 1] = { "--cacert", plan.cacert } end
  if plan.trust then -- beside the system's
    lines[#lines + 1] = { "--cacert", plan.trust, "--capath", "/etc/ssl/certs" }
  end
  if proxy then lines[#lines + 1] = { "--proxy", proxy } end
  if plan.connect_timeout then
    lines[#lines + 1] = { "--connect-timeout", ("%g"):format(plan.connect_timeout) }
  end
  if files then
    lines[#lines + 1] = { "--cert", certificate_word(files.cert) }
    if files.type then lines[#lines + 1] = { "--cert-type", files.type } end
    if files.key then lines[#lines + 1] = { "--key", files.key } end
  end
  return lines
end

local function add(lines, ...) lines[#lines + 1] = { ... } end

local function token_commands(plan, way, secrets)
  local token = plan.token
  local lines = common(plan, token.way == "certificate" and way.files, way.proxy)
  add(lines, "--fail-with-body")
  if way.token_config then add(lines, "--config", way.token_config) end
  add(lines, "--header", "Accept: application/json")
  if token.in_query then
    add(lines, "--request", "POST", "--data", "")
  else
    add(lines, "--data", new_plan.form(token.parameters))
  end
  add(lines, "--output", secrets:path "token.json")
  add(lines, token.url)
  return ([[
# The access token. It is kept in a file, since a command line is seen by every user of the machine.
%s
sed -n 's/.*"access_token" *: *"\([^"]*\)".*/Authorization: Bearer \1/p' \
  %s >%s]]):format(command(lines), quoted(secrets:path "token.json"),
    quoted(secrets:path "authorization.header"))
end

-- The options that authenticate a request to the endpoint.
local function authenticated(plan, way, secrets)
  local by_certificate = plan.call.way == "certificate"
  local lines = common(plan, by_certificate and way.files, way.proxy)
  if way.call_config then add(lines, "--config", way.call_config) end
  if plan.token then add(lines, "--header", "@" .. secrets:path "authorization.header") end
  return lines
end

local function csrf_commands(plan, way, secrets)
  local lines = authenticated(plan, way, secrets)
  add(lines, "--header", "X-CSRF-Token: Fetch")
  add(lines, "--cookie-jar", secrets:path "cookies", "--dump-header", secrets:path "csrf.head")
  add(lines, "--output", "/dev/null")
  add(lines, plan.call.url)
  return ([[
# The CSRF token, which holds together with the cookies that come with it.
%s
tr -d '\r' <%s |
  sed -n 's/^[Xx]-[Cc][Ss][Rr][Ff]-[Tt][Oo][Kk][Ee][Nn]: */X-CSRF-Token: /p' >%s]]):format(
    command(lines), quoted(secrets:path "csrf.head"), quoted(secrets:path "csrf.header"))
end

-- Header lines of the call in a file: they may carry keys of other systems.
local function header_file(plan, secrets)
  local lines, typed = {}, false
  for i, pair in ipairs(plan.call.headers) do
    typed = typed or pair[1]:lower() == "content-type"
    lines[i] = pair[2] == "" and pair[1] .. ";" or ("%s: %s"):format(pair[1], pair[2])
  end
  if not typed and plan.call.body ~= nil then lines[#lines + 1] = "Content-Type:" end -- not curl's
  if #lines == 0 then return nil end
  return secrets:write("call.headers", table.concat(lines, "\n") .. "\n")
end

-- The file with the body: the user's own, or one that is written.
local function body_file(plan, secrets)
  local body = plan.call.body
  if type(body) == "table" then return body.file end
  if type(body) == "function" then return secrets:write_pieces("body", body) end
  return secrets:write("body", body)
end

-- SAP answers 411 to these without a length (sap-reference 5.2).
local with_length = { POST = true, PUT = true, PATCH = true }

local function add_body(lines, plan, secrets)
  local method = plan.call.method
  if plan.call.body == nil then
    if method == "HEAD" then
      add(lines, "--head")
    elseif method ~= "GET" then
      add(lines, "--request", method)
    end
    if with_length[method] then add(lines, "--data", "") end
    return true
  end
  local path, err = body_file(plan, secrets)
  if not path then return nil, err end
  if method ~= "POST" then add(lines, "--request", method) end
  add(lines, "--data-binary", "@" .. path)
  return true
end

local function call_command(plan, way, secrets)
  local lines = authenticated(plan, way, secrets)
  add(lines, "--include")
  if plan.timeout then add(lines, "--max-time", ("%g"):format(plan.timeout)) end
  local headers, err = header_file(plan, secrets)
  if err then return nil, err end
  if headers then add(lines, "--header", "@" .. headers) end
  if plan.call.csrf == true then
    add(lines, "--header", "@" .. secrets:path "csrf.header", "--cookie", secrets:path "cookies")
  end
  local ok
  ok, err = add_body(lines, plan, secrets)
  if not ok then return nil, err end
  add(lines, plan.call.url)
  return "# The call. The answer's header SAP_MessageProcessingLogID names it in the monitor.\n"
    .. command(lines)
end

-- What the commands share: files of secrets, written.
local function prepared(plan, secrets)
  local files, err = certificate_files(plan.certificate, secrets)
  if err then return nil, err end
  local pass = passphrase_line(plan.certificate)
  local way, proxy_line = { files = files }, ""
  if plan.proxy and plan.proxy ~= "" then way.proxy, proxy_line = proxy_of(plan.proxy) end
  local call = proxy_line .. (plan.call.way == "certificate" and pass or "")
  if plan.call.way == "basic" then
    call = call .. config_line("user", ("%s:%s"):format(plan.client_id, plan.secret:reveal()))
  end
  way.call_config, err = write_config(secrets, "call.conf", call)
  if err then return nil, err end
  if not plan.token then return way end
  local token = proxy_line .. (plan.token.way == "certificate" and pass or "") .. token_config(plan)
  way.token_config, err = write_config(secrets, "token.conf", token)
  if err then return nil, err end
  return way
end

--- The script, or nil, err when a file cannot be read or written.
return function(plan, secrets)
  local way, err = prepared(plan, secrets)
  if not way then return nil, err end
  local parts = { ("#!/bin/sh\n# %s %s, as iflow sends it. The secrets are in files of %s.\n"
    .. "set -eu\numask 077"):format(plan.call.method, plan.call.url, secrets.dir:gsub("%c", "?"))
  }
  if plan.token then parts[#parts + 1] = token_commands(plan, way, secrets) end
  if plan.call.csrf == true then parts[#parts + 1] = csrf_commands(plan, way, secrets) end
  parts[#parts + 1], err = call_command(plan, way, secrets)
  if err then return nil, err end
  return table.concat(parts, "\n\n")
end
