--- A call as a Postman collection, format v2.1. Internal; for `iflow postman`.
--
--   local collection, err = postman.collection(plan, name)      a table; plan: plan.lua
--   local environment = postman.environment(plan, name)         with the secrets
--
-- No secret is in the collection: {{clientSecret}} and fields such as {{X-Api-Key}} are variables
-- of the environment, and a client certificate belongs to the settings of Postman, which the
-- description of the collection explains.

local core = require "iflow.core"
local errors = require "iflow.error"

local json = core.json
local array = json.array

local SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
local BODY_MAX = 1024 * 1024 -- a collection is edited by hand

local postman = {}

local function pair(key, value) return { key = key, value = value, type = "string" } end

-- Secrets ---------------------------------------------------------------------------------------

-- Fields that carry a key of another system stand in the environment, too.
local function is_secret(field)
  local name = field:lower()
  for _, word in ipairs { "authorization", "cookie", "secret", "token", "password", "key" } do
    if name:find(word, 1, true) then return true end
  end
  return false
end

--- The environment as a table: the client secret, and fields such as API keys. nil when the call
-- needs none of them.
function postman.environment(plan, name)
  local values = array {}
  local function add(key, value)
    values[#values + 1] = { key = key, value = value, type = "secret", enabled = true }
  end
  if plan.secret then add("clientSecret", plan.secret:reveal()) end
  for _, header in ipairs(plan.call.headers) do
    if is_secret(header[1]) then add(header[1], header[2]) end
  end
  return #values > 0 and { name = name, values = values } or nil
end

-- Words -------------------------------------------------------------------------------------------

local function host_of(url)
  local host, port = url:match "^%a+://([^/?#:]+):?(%d*)"
  return host, port ~= "" and port or "443"
end

-- What to enter under Settings > Certificates, for each host that asks for the certificate.
local function certificate_words(plan)
  local urls = {}
  if plan.token and plan.token.way == "certificate" then urls[#urls + 1] = plan.token.url end
  if plan.call.way == "certificate" then urls[#urls + 1] = plan.call.url end
  if #urls == 0 then return nil end
  local own = plan.certificate.cert
  local lines = { "## Client certificate", "", "In Postman: Settings > Certificates > Client "
    .. "Certificates > Add Certificate. A collection cannot hold it.", "" }
  for _, url in ipairs(urls) do
    local host, port = host_of(url)
    lines[#lines + 1] = ("- Host: `%s`, port `%s`"):format(host, port)
  end
  if not own then
    lines[#lines + 1] = plan.key_type == "certificate"
      and "- CRT file and KEY file: made of the service key by `iflow service-key pem`"
      or "- CRT file and KEY file: what the commands print that name them"
  elseif plan.certificate.type == "P12" then
    lines[#lines + 1] = ("- PFX file: `%s`"):format(own)
  else
    lines[#lines + 1] = ("- CRT file: `%s`, KEY file: `%s`"):format(own,
      plan.certificate.key or own)
  end
  if type(plan.certificate.pass_file) == "string" then
    lines[#lines + 1] = ("- Passphrase: the first line of `%s`"):format(plan.certificate.pass_file)
  end
  lines[#lines + 1] = "\nThe CRT file has the whole chain, leaf first: without its intermediates "
    .. "the load balancer drops the certificate silently, and the answer is 401. newman takes them "
    .. "with `--ssl-client-cert` and `--ssl-client-key`."
  return table.concat(lines, "\n")
end

local function description(plan)
  local parts = { ("%s %s, as iflow sends it."):format(plan.call.method, plan.call.url) }
  local environment = postman.environment(plan, "")
  if environment then
    local names = {}
    for i, value in ipairs(environment.values) do names[i] = ("`%s`"):format(value.key) end
    parts[#parts + 1] = ("## Secrets\n\n%s: variables that an environment has; they are not in "
      .. "here, so that the collection can be passed on."):format(table.concat(names, ", "))
  end
  parts[#parts + 1] = certificate_words(plan)
  local roots = plan.cacert or plan.trust
  if roots then
    parts[#parts + 1] = ("## Roots to trust\n\nThe server's root is in `%s`: Settings > "
      .. "Certificates > CA Certificates; for newman `--ssl-extra-ca-certs`."):format(roots)
  end
  return table.concat(parts, "\n\n")
end

-- Requests ----------------------------------------------------------------------------------------

local function script(listen, lines)
  return { listen = listen, script = { type = "text/javascript", exec = array(lines) } }
end

local function basic_auth()
  return { type = "basic", basic = array { pair("username", "{{clientId}}"),
    pair("password", "{{clientSecret}}") } }
end

local no_auth = { type = "noauth" }

-- The form as Postman's table; values stand in it as they are.
local function form_body(token)
  local rows = array {}
  for i, parameter in ipairs(token.parameters) do
    local value = parameter[1] == "client_id" and "{{clientId}}" or parameter[2]
    rows[i] = { key = parameter[1], value = value, type = "text" }
  end
  if token.way == "body" then
    rows[#rows + 1] = { key = "client_secret", value = "{{clientSecret}}", type = "text" }
  end
  return { mode = "urlencoded", urlencoded = rows }
end

local function token_item(plan)
  local token = plan.token
  local request = { method = "POST", url = token.url,
    header = array { pair("Accept", "application/json") },
    auth = token.way == "basic" and basic_auth() or no_auth }
  if not token.in_query then
    request.body = form_body(token)
  elseif token.way == "body" then
    request.body = form_body { way = "body", parameters = {} }
  end
  return { name = "access token", request = request, event = array { script("test", {
    'pm.test("a token was issued", () => pm.response.to.have.status(200));',
    'pm.collectionVariables.set("accessToken", pm.response.json().access_token);',
  }) } }
end

local function call_auth(plan)
  if plan.call.way == "basic" then return basic_auth() end
  if plan.call.way == "certificate" then return no_auth end
  return { type = "bearer", bearer = array { pair("token", "{{accessToken}}") } }
end

local function csrf_item(plan)
  return { name = "CSRF token", request = { method = "GET", url = plan.call.url,
    header = array { pair("X-CSRF-Token", "Fetch") }, auth = call_auth(plan) },
    event = array { script("test", {
      'pm.test("a CSRF token was issued", () => pm.response.to.have.header("X-CSRF-Token"));',
      'pm.collectionVariables.set("csrfToken", pm.response.headers.get("X-CSRF-Token"));',
    }) } }
end

-- Postman takes {{name}} for a variable wherever it stands; a body that has it cannot be shown.
local function raw_body(text)
  if #text > BODY_MAX or not utf8.len(text) or text:find("{{", 1, true) then
    return nil, errors { code = "usage.invalid",
      message = #text > BODY_MAX and "the body is larger than 1 MiB"
        or "the body is no text that Postman would send as it is",
      hint = "name it as a file with --data-binary @FILE" }
  end
  return { mode = "raw", raw = text }
end

local function body_of(body)
  if body == nil then return nil end
  if type(body) == "table" then return { mode = "file", file = { src = body.file } } end
  if type(body) == "string" then return raw_body(body) end
  local pieces, size = {}, 0
  for piece in body do
    pieces[#pieces + 1] = piece
    size = size + #piece
    if size > BODY_MAX then break end
  end
  return raw_body(table.concat(pieces))
end

-- The same in the address and in fields: {{clientSecret}} in a record would send the secret there.
local function check_plain(plan)
  local texts = { plan.call.url }
  for _, header in ipairs(plan.call.headers) do
    texts[#texts + 1] = header[1]
    if not is_secret(header[1]) then texts[#texts + 1] = header[2] end
  end
  for _, text in ipairs(texts) do
    if text:find("{{", 1, true) then
      return nil, errors { code = "usage.invalid", hint = "make the call with: iflow curl",
        message = "the address or a header field has '{{', which Postman takes for a variable" }
    end
  end
  return true
end

local function call_item(plan)
  local ok, why = check_plain(plan)
  if not ok then return nil, why end
  local body, err = body_of(plan.call.body)
  if err then return nil, err end
  local headers = array {}
  for i, header in ipairs(plan.call.headers) do
    headers[i] = pair(header[1], is_secret(header[1]) and ("{{%s}}"):format(header[1]) or header[2])
  end
  if plan.call.csrf == true then headers[#headers + 1] = pair("X-CSRF-Token", "{{csrfToken}}") end
  return { name = "call", request = { method = plan.call.method, url = plan.call.url,
    header = headers, auth = call_auth(plan), body = body },
    event = array { script("test", {
      'pm.test("the message was taken", () => pm.expect(pm.response.code).to.be.within(200, 299));',
      'console.log("message id: " + (pm.response.headers.get("SAP_MessageProcessingLogID") '
        .. '|| "unknown"));',
    }) } }
end

-- The whole ---------------------------------------------------------------------------------------

--- The collection as a table, or nil, err when the body cannot stand in it.
function postman.collection(plan, name)
  local items, variables = array {}, array { { key = "clientId", value = plan.client_id } }
  if plan.token then
    items[#items + 1] = token_item(plan)
    variables[#variables + 1] = { key = "accessToken", value = "" }
  end
  if plan.call.csrf == true then
    items[#items + 1] = csrf_item(plan)
    variables[#variables + 1] = { key = "csrfToken", value = "" }
  end
  local item, err = call_item(plan)
  if not item then return nil, err end
  items[#items + 1] = item
  return { info = { name = name, description = description(plan), schema = SCHEMA }, item = items,
    variable = variables }
end

return postman
