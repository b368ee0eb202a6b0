--- The sender adapters of flows: each is one file adapter/NAME.lua. A new file is all a new one
--- needs. It returns
---   prefix         what stands before the address in a URL: "/http"
---   protocol       its name among the tenant's service endpoints: "REST"
---   csrf           whether its channels ask for CSRF tokens by default
---   methods        set of HTTP methods it takes, and `allow`, the same as a header; nil: all
---   check_address(address) -> true | nil, why
---   open_below     whether every address also serves what is below it
---   unwrap(request) -> body | nil, answer        what the flow gets of request.body
---   wrap(request, answer, flow) -> answer         what the sender gets of the flow's answer
---   failure(request, text, flow) -> answer        … of a flow that failed
--- The last three may be missing.
local adapters = {}

--- The adapter of that name, or nil.
function adapters.find(name)
  if type(name) ~= "string" or not name:match "^[a-z][a-z0-9_]*$" then return nil end
  local found, adapter = pcall(require, "iflow.sandbox.adapter." .. name)
  return found and adapter or nil
end

--- The rules every address has: a path of plain characters. allowed: a set for a pattern.
function adapters.check_path(address, allowed)
  if type(address) ~= "string" or address:sub(1, 1) ~= "/" or #address < 2 then
    return nil, "the address must be a path that starts with '/'"
  end
  if address:find("[^%w_/" .. allowed .. "]") or address:find("//", 1, true) then
    return nil, ("the address '%s' has a character it must not"):format(address)
  end
  return true
end

return adapters
