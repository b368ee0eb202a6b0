--- set_status(id, status[, reason]) -> the message processing log. As if somebody cancelled the
--- message in a queue, or a retry ended: any of PROCESSING, COMPLETED, FAILED, RETRY, ESCALATED,
--- CANCELLED, DISCARDED, ABANDONED.
return function(tenant, id, status, reason) return tenant.log:set_status(id, status, reason) end
