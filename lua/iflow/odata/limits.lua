--- What SAP allows an API client: requests a second by entity set, of the whole tenant and of one
-- user (sap-reference 7.1), and the role template each set asks for (7.2). Internal, for
-- lua/iflow/odata.lua.
--
--   local limits = of(user)               -- user: any text; the same text, the same limits
--   limits:take "MessageProcessingLogs"   -- waits until a request may go
--   of.row "MessageProcessingLogs"        -- { tenant = 1000, user = 100, role = … }
--
-- A process keeps to half of a user's figure: so no second sees more than that figure, whenever it
-- begins, and a second process with the same key has its share.

local clock = require "iflow.clock"
local new_bucket = require "iflow.sender.bucket"

local families = {
  logs = { tenant = 1000, user = 100, role = "MonitoringDataRead" },
  artifacts = { tenant = 120, user = 50, role = "MonitoringDataRead" },
  security = { tenant = 12, user = 10, role = "MonitoringDataRead" },
  design = { tenant = 15, user = 10, role = "WorkspacePackagesRead" },
  numbers = { tenant = 10, user = 5, role = nil },
  partners = { tenant = 50, user = 25, role = "AuthGroup_TenantPartnerDirectoryConfigurator" },
}

-- The beginning of a set's name says what it belongs to.
local prefixes = {
  { "MessageProcessingLog", "logs" }, { "MessageStore", "logs" },
  { "IntegrationRuntimeArtifact", "artifacts" }, { "ServiceEndpoint", "artifacts" },
  { "RuntimeArtifact", "artifacts" }, { "EntryPoint", "artifacts" },
  { "Keystore", "security" }, { "UserRole", "security" }, { "UserCredential", "security" },
  { "OAuth2ClientCredential", "security" }, { "SecureParameter", "security" },
  { "CertificateResource", "security" }, { "KeyPair", "security" }, { "SSHKey", "security" },
  { "AccessPolic", "security" }, { "CertificateUserMapping", "security" },
  { "NumberRange", "numbers" },
  { "Partner", "partners" }, { "AlternativePartner", "partners" },
  { "StringParameter", "partners" }, { "BinaryParameter", "partners" },
  { "AuthorizedUser", "partners" },
  { "Integration", "design" }, { "DeployIntegration", "design" }, { "BuildAndDeploy", "design" },
  { "ValueMapping", "design" }, { "MessageMapping", "design" }, { "ScriptCollection", "design" },
}

-- Of a set that SAP gives no figure for, nothing is known: it is asked as carefully as the design
-- time.
local function family_of(set)
  for _, row in ipairs(prefixes) do
    if set:sub(1, #row[1]) == row[1] then return row[2] end
  end
  return "design"
end

local limits = {}
limits.__index = limits

--- Waits until a request for that set may go.
function limits:take(set)
  local now = clock.monotonic()
  if now < self.asked then self.buckets = {} end -- a test has put another clock in place
  self.asked = now
  local family = family_of(set)
  local bucket = self.buckets[family]
  if not bucket then
    bucket = new_bucket(families[family].user / 2)
    self.buckets[family] = bucket
  end
  bucket:take()
end

local shared = setmetatable({}, { __mode = "v" })

local function of(_, user)
  local found = shared[user]
  if not found then
    found = setmetatable({ buckets = {}, asked = -math.huge }, limits)
    shared[user] = found
  end
  return found
end

return setmetatable({
  --- Requests a second of the tenant and of one user, and the role; of a set's name.
  row = function(set) return families[family_of(set)] end,
}, { __call = of })
