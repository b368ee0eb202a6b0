--- set_status(id, status[, reason]) -> the message processing log. As if somebody cancelled the
--- message in a queue, or a retry ended: any of PROCESSING, COMPLETED, FAILED, RETRY, ESCALATED,
--- CANCELLED, DISCARDED, ABANDONED.
local mpl = require "iflow.sandbox.mpl"

return function(tenant, id, status, reason)
  local entry, err = tenant.log:set_status(id, status, reason)
  return entry and mpl.copy(entry), err
end
