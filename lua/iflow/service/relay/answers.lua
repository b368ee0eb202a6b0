--- What a relay answers: JSON that says what became of the message. Internal.
-- An answer is { status =, headers = { Name = value }, body = text }. A body about a message has
-- `id` and `state`, one about a refusal `error` and `message`; a status from 500 on with an `id`
-- says "durable": true when the message is in the outbox all the same.

local json = require "iflow.json"

local answers = {}

local MPL = "SAP_MessageProcessingLogID"
local RETRY_FULL, RETRY_DISK, RETRY_BUSY = 10, 60, 2 -- seconds until a client comes again

function answers.of(status, value, headers)
  headers = headers or {}
  headers["Content-Type"] = "application/json"
  return { status = status, headers = headers,
    body = assert(json.encode(value, { sort = true })) .. "\n" }
end

-- JSON is UTF-8; a reason may quote what is not.
local function text(value)
  value = tostring(value)
  if utf8.len(value) then return value end
  return (value:gsub("[\128-\255]", "?"))
end

--- A refusal before anything was stored. Its code is for the log, too.
function answers.refuse(status, code, message, headers)
  local answer = answers.of(status, { error = code, message = text(message) }, headers)
  answer.code = code
  return answer
end

--- Come again: 503 or 429.
function answers.later(status, code, message, seconds)
  local headers = { ["Retry-After"] = ("%d"):format(math.ceil(seconds or RETRY_BUSY)) }
  return answers.refuse(status, code, message, headers)
end

local function about(id, id_header, state)
  return { [id_header] = id, ["X-Iflow-State"] = state }
end

-- Dead letters alone are an error of the client's, which is not to repeat it.
local STATUS = { accepted = 202, known = 200, skipped = 200, rejected = 422 }

-- What became of a body that may have held several messages.
local function word_of(result)
  if result.count == 0 then return result.rejected > 0 and "rejected" or "skipped" end
  return result.known == result.count and "known" or "accepted"
end

--- The message is durable. result: of sender:enqueue; state: what became of a known message (a
-- state of the outbox), where that was found out.
function answers.durable(result, id_header, state)
  local word, several = word_of(result), result.count + result.rejected > 1
  local value = { id = result.id and text(result.id), state = word, outbox = state }
  if several then value.count, value.known = result.count, result.known end
  if result.rejected > 0 then value.rejected = result.rejected end
  return answers.of(STATUS[word], value, about(result.id, id_header, word))
end

local function cause(err)
  return { code = err.code, message = text(err.message), hint = err.hint }
end

--- Nothing was stored: why sender:enqueue failed.
function answers.failed(err)
  local kind = err.code:match "^[%w_]+"
  if err.outcome == "rejected" then return answers.refuse(422, err.code, err.message) end
  if err.code == "outbox.disk_full" then
    return answers.later(503, err.code, err.message, RETRY_DISK)
  elseif kind == "outbox" or kind == "file" or kind == "system" or err.retryable
    or err.code == "object.closed" then
    return answers.later(503, err.code, err.message, err.retry_after or RETRY_FULL)
  elseif kind == "transform" or kind == "message" then
    return answers.refuse(422, err.code, err.message)
  elseif err.code == "limit.exceeded" then
    return answers.refuse(413, err.code, err.message)
  end
  return answers.refuse(500, err.code, "the relay cannot take messages; its log says why")
end

-- What the tenant answered, as it is.
local function passed(status, from, id, id_header, state)
  local headers = about(id, id_header, state)
  headers[MPL] = from.message_id
  headers["Content-Type"] = (from.headers or {})["content-type"]
  return { status = status, headers = headers, body = from.body or "" }
end

--- The iFlow's answer.
function answers.delivered(answer, id, id_header)
  return passed(answer.status or 200, answer, id, id_header, "delivered")
end

--- How a message ended that is not delivered; nil when it is still on its way.
function answers.ended(err, id, id_header)
  if err.outcome == "in_doubt" then
    return answers.of(504, { id = text(id), state = "in_doubt", durable = true,
      error = cause(err) }, about(id, id_header, "in_doubt"))
  elseif err.outcome == "rejected" and err.status and err.status >= 200 then
    return passed(err.status, err, id, id_header, "rejected")
  elseif err.outcome == "rejected" then
    return answers.of(422, { id = text(id), state = "rejected", error = cause(err) },
      about(id, id_header, "rejected"))
  elseif err.outcome == "retryable" then
    return answers.of(502, { id = text(id), state = "rejected", durable = true, error = cause(err),
      status = err.status }, about(id, id_header, "rejected"))
  end
end

return answers
