-- sandbox.lua -- a sandbox tenant for one spec: free ports, a directory of its own, and keys made
-- once a process instead of once a spec.
--   local sb <close> = sandbox.start { settings = { … } }      -- inside iflow.run
--   local key = sandbox.key(sb, "certificate")                 -- instance and key: the document
--   local path = sandbox.key_file(sb, key)
--   sandbox.echo(sb, { address = "/orders", csrf = false })
local core = require "iflow.core"
local sandbox = require "iflow.sandbox"

local support = {}

local KEPT = { "root.pem", "root.key", "clients.pem", "clients.key", "token-signing.key",
  "keys-taken" }
local kept -- { file name = content } of the first sandbox's authority

local function put_authority(dir)
  if not kept then return end
  assert(core.file.mkdir(dir .. "/authority"))
  for name, content in pairs(kept) do
    assert(core.file.write(("%s/authority/%s"):format(dir, name), content))
  end
end

local function keep_authority(sb)
  if kept then return end
  assert(sb.tenant.signers:current()) -- its file is there now
  kept = {}
  for _, name in ipairs(KEPT) do
    kept[name] = core.file.read(("%s/authority/%s"):format(sb.dir, name))
  end
end

--- Starts one; its directory goes when it is closed. opts: as of sandbox.start.
function support.start(opts)
  local options = {}
  for name, value in pairs(opts or {}) do options[name] = value end
  local temporary = options.dir == nil
  options.dir = options.dir or assert(core.file.tempdir("iflow-spec-"))
  if not core.file.stat(options.dir .. "/authority") then put_authority(options.dir) end
  local sb = assert(sandbox.start(options))
  keep_authority(sb)
  rawset(sb, "temporary", temporary)
  return sb
end

local numbers = 0

local function fresh_name(prefix)
  numbers = numbers + 1
  return prefix .. numbers
end

--- Creates a key of that type; in `instance`, or in one of its own with the fields of `parameters`,
--- whose roles are created, too. Returns the document, and the names of instance and key.
function support.key(sb, kind, parameters)
  parameters = parameters or {}
  local instance = parameters.instance
  if not instance then
    instance = fresh_name "instance-"
    if parameters.plan ~= "api" then
      for _, role in ipairs(parameters.roles or {}) do sb:role("add", role) end
    end
    assert(sb:create_instance {
      name = instance, plan = parameters.plan, roles = parameters.roles,
      token_validity = parameters.token_validity, grant_types = parameters.grant_types,
    })
  end
  local name = fresh_name "key-"
  local document = assert(sb:create_key { instance = instance, name = name, type = kind,
                                          x509 = parameters.x509, validity = parameters.validity,
                                          pin = parameters.pin })
  return document, instance, name
end

--- Writes a key as the user's download, below the sandbox's directory.
function support.key_file(sb, document)
  local path = ("%s/%s.json"):format(sb.dir, fresh_name "key-file-")
  assert(core.file.write(path, assert(core.json.encode(document, { pretty = true }))))
  return path
end

--- Deploys a flow that answers with the body it got, and whatever `flow` sets.
function support.echo(sb, flow)
  local all = {
    name = fresh_name "echo-", address = "/echo",
    process = function(exchange)
      return 200, { ["Content-Type"] = exchange.headers["content-type"] }, exchange.body
    end,
  }
  for name, value in pairs(flow or {}) do all[name] = value end
  assert(sb:deploy(all))
  return all
end

--- A private PKI that the sandbox does not know yet: { root, issuer, leaf (PEM), chain (leaf and
--- issuer), key_pem }. `trusted` adds its root to the lists. over: fields of the leaf for
--- authority.issue (client_auth, not_before, not_after, …).
function support.foreign_identity(sb, trusted, over)
  local now = math.floor(core.task.now())
  local function issue(fields)
    fields.not_before = fields.not_before or now - 3600
    fields.not_after = fields.not_after or now + 86400
    return assert(core.authority.issue(fields))
  end
  local ec = function() return assert(core.authority.keypair { type = "ec" }) end
  local root_key, issuer_key, key = ec(), ec(), ec()
  local name = fresh_name "partner-"
  local root = issue { subject = { { "O", "Partner" }, { "CN", name .. " root" } }, key = root_key,
                       ca = true }
  local issuer = issue { subject = { { "O", "Partner" }, { "CN", name .. " issuer" } },
                         key = issuer_key, ca = true, issuer = root, issuer_key = root_key }
  local leaf_fields = { subject = { { "O", "Partner" }, { "CN", name } }, key = key,
                        client_auth = true, issuer = issuer, issuer_key = issuer_key }
  for field, value in pairs(over or {}) do leaf_fields[field] = value end
  local leaf = issue(leaf_fields)
  if trusted then assert(sb:trust(root, trusted)) end
  return { root = root, issuer = issuer, leaf = leaf, chain = leaf .. issuer,
           key_pem = key:private_pem() }
end

--- The identity of a certificate key, or of what foreign_identity returned.
function support.identity(of)
  local oauth = of.oauth
  return assert(core.identity.open { cert_pem = oauth and oauth.certificate or of.chain,
                                     key_pem = oauth and oauth.key or of.key_pem })
end

--- One request to a host of the sandbox ("token", "token_cert", "runtime", "api") by the plain HTTP
--- client: its answer, or nil, err. fields: as of http.request, with path instead of url.
function support.request(sb, kind, fields)
  local options = { url = sb.endpoints[kind]:match "^https://[^/]+" .. (fields.path or "/"),
                    cacert = sb.endpoints.cacert, proxy = "" }
  for name, value in pairs(fields) do
    if name ~= "path" then options[name] = value end
  end
  return core.http.request(options)
end

function support.basic(id, secret)
  return "Basic " .. core.crypto.base64(id .. ":" .. secret)
end

--- A request for a token: answer and its decoded body.
function support.ask_token(sb, kind, fields)
  fields.path = fields.path or "/oauth/token"
  fields.method = fields.method or "POST"
  fields.headers = fields.headers or {}
  if fields.form then
    fields.headers["Content-Type"] = "application/x-www-form-urlencoded"
    fields.body, fields.form = fields.form, nil
  end
  local answer, err = support.request(sb, kind, fields)
  if not answer then return nil, err end
  return answer, core.json.decode(answer.body)
end

--- The Authorization field of a fresh token for a key with a secret.
function support.bearer(sb, document)
  local oauth = document.oauth
  local _, token = support.ask_token(sb, "token", {
    headers = { Authorization = support.basic(oauth.clientid, oauth.clientsecret) },
    form = "grant_type=client_credentials",
  })
  return "Bearer " .. token.access_token
end

return support
