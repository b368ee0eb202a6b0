--- What the broker did last with an instance or a key, as Cloud Foundry shows it: record.operation
--- is { type, state, description, created, updated }.
local last_operation = {}

--- type: "create", "update" or "delete".
function last_operation.begin(record, type, now)
  record.operation = { type = type, state = "in progress", description = "", created = now,
                       updated = now }
end

function last_operation.succeed(record, now)
  record.operation.state, record.operation.updated = "succeeded", now
  record.updated = now
end

function last_operation.fail(record, why, now)
  local operation = record.operation
  operation.state, operation.description, operation.updated = "failed", why, now
end

function last_operation.in_progress(record)
  return record.operation ~= nil and record.operation.state == "in progress"
end

--- Whether the record never came to be: it is there for its failure to be seen.
function last_operation.create_failed(record)
  local operation = record.operation
  return operation ~= nil and operation.type == "create" and operation.state == "failed"
end

return last_operation
