--- Whether the key that was made ready works: it must get a token, and where an endpoint is named,
--- the doctor goes the way to it without running a flow. For lua/iflow/cf/rotate.lua.
local core = require "iflow.core"
local errors = require "iflow.error"
local files = require "iflow.cf.rotation.files"
local new_tenant = require "iflow.tenant"

local probe = {}

-- The first step of the doctor that failed, as an error; nil when none did.
local function failure(report)
  for _, step in ipairs(report.steps) do
    if step.verdict == "failed" then
      return errors { code = step.code or "call.rejected", hint = step.next_step,
                      message = ("%s: %s"):format(step.step, step.evidence) }
    end
  end
end

--- Whether an error says that the key itself is no good, as nothing later will change it.
function probe.is_refusal(err) return errors.exit_code(err) == 3 end

--- true; or nil, err. options: key_file, cert, key (paths in use: what is ready lies beside them),
--- passphrase, to, auth, way (cacert, proxy, proxy_userpwd as for the platform).
function probe.run(options)
  local way = options.way
  local next_key = files.staged(options.key_file)
  -- A renewed certificate goes with the key there is.
  if not core.file.stat(next_key) then next_key = options.key_file end
  local tenant <close>, err = new_tenant {
    service_key = next_key, cert = options.cert and files.staged(options.cert),
    key = options.key and files.staged(options.key), passphrase = options.passphrase,
    cacert = way.cacert, proxy = way.proxy, proxy_userpwd = way.proxy_userpwd, token_cache = false }
  if not tenant then return nil, err end
  if options.auth ~= "certificate" then
    local token, why = tenant:token()
    if not token then return nil, why end
  end
  if not options.to then return true end
  err = failure(tenant:check { to = options.to, auth = options.auth })
  if err then return nil, err end
  return true
end

return probe
