-- call.lua -- iflow call TO: makes one call to an integration flow with curl's options, repairs
-- what can be repaired (token, CSRF, role), and tells the outcome by its exit code. Standard output
-- gets the answer's body, standard error the message id.
local core = require "iflow.core"
local curl = require "iflow.cli.curl"
local errors = require "iflow.error"
local json = core.json
local tenants = require "iflow.cli.tenant"
local with_doctor = require "iflow.cli.doctor_hint"

local csrf = { auto = nil, always = true, never = false }

local function saves(args) return args.output and args.output ~= "-" end

local function status_code(number)
  if number >= 200 and number <= 599 then return number end
  return nil, "is not a status from 200 to 599"
end

local function head_of(answer)
  local lines = { ("HTTP/1.1 %d"):format(answer.status) }
  for _, field in ipairs(answer.headers and answer.headers.raw or {}) do
    lines[#lines + 1] = ("%s: %s"):format(field[1], field[2])
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function write_file(path, text)
  local file, why = io.open(path, "wb")
  if file then
    local written, closed
    written, why = file:write(text)
    closed, why = file:close(), why or "it could not be written completely"
    if written and closed then return true end
  end
  return nil, errors { code = "file.io", message = ("%s: %s"):format(path, why) }
end

local function write_answer(answer, args)
  local text = (args.include and head_of(answer) or "") .. (answer.body or "")
  if not saves(args) then
    io.stdout:write(text)
    return true
  end
  if answer.saved then return true end
  return write_file(args.output, text)
end

-- JSON strings are UTF-8; other bodies come as base64.
local function as_json(answer, outcome)
  local headers = json.object {}
  for _, field in ipairs(answer.headers and answer.headers.raw or {}) do
    headers[field[1]:lower()] = answer.headers[field[1]:lower()]
  end
  local value = { outcome = outcome, status = answer.status, message_id = answer.message_id,
    headers = headers, saved = answer.saved, repairs = answer.repairs }
  if answer.body and utf8.len(answer.body) then
    value.body = answer.body
  elseif answer.body then
    value.body_base64 = core.crypto.base64(answer.body)
  end
  return value
end

local function delivered(answer, args, out)
  if out.json_mode then
    out:json(as_json(answer, answer.outcome))
    return 0
  end
  local ok, err = write_answer(answer, args)
  out:note("message id: " .. (answer.message_id or "unknown"))
  if ok then return 0 end
  out:fail(err)
  return 2 -- not the error's own code: what was delivered must not be repeated
end

-- Whether a client id is one of plan api, which opens the OData API and no flow.
local function is_for_api(client_id)
  return client_id and require("iflow.odata").plan(client_id) == "api"
end

-- An answer that came is shown as curl would show it, then what it means.
local function failed(err, args, out, client_id)
  if not out.json_mode and err.status and not saves(args) then
    write_answer(err, args)
    if err.body and not err.body:find "\n$" then io.stdout:write "\n" end
  end
  if err.code == "call.not_found" and is_for_api(client_id) and not args.to:find "/api/" then
    err.hint = "this service key is of plan api: flows take keys of plan integration-flow"
  end
  return out:fail(with_doctor(err, args.to))
end

local function run(args, out)
  local request, err = curl.request(args)
  if not request then return nil, err end
  local tenant
  tenant, err = tenants.open(args, out)
  if not tenant then return nil, err end
  request.to, request.auth, request.csrf = args.to, args.auth, csrf[args.csrf]
  request.expect, request.idempotent = args.expect, args.idempotent or nil
  -- With -i the head goes before the body, so the file is written here.
  if saves(args) and (out.json_mode or not args.include) then request.save = args.output end
  local answer
  answer, err = tenant:call(request)
  local key = tenant.service_key
  tenant:close()
  if not answer then return failed(err, args, out, key and key.client_id) end
  return delivered(answer, args, out)
end

return {
  name = "call",
  summary = "make one call to an integration flow",
  description = "Sends one request to TO, a path under the service key's url such as /http/orders, "
    .. "or a full URL. The body of the answer goes to standard output, the message id to standard "
    .. "error, and the exit code tells the outcome: 0 delivered, 1 rejected, 2 usage or "
    .. "configuration, 3 credentials refused, 4 temporary failure, 5 in doubt.",
  arguments = { { "to", help = "path under the service key's url, or a full URL" } },
  options = tenants.with(table.move({
    { "-o --output", value = "FILE", help = "write the body to FILE, however large it is" },
    { "-i --include", flag = true, help = "show status and header lines, too" },
    { "--auth", value = "WAY", choices = { "token", "certificate", "basic" }, default = "token",
      help = "how the call is authenticated" },
    { "--csrf", value = "WHEN", choices = { "auto", "always", "never" }, default = "auto",
      help = "when a CSRF token is fetched: once it is asked for, before the call, or never" },
    { "--expect", value = "STATUS", type = "integer", convert = status_code, multiple = true,
      help = "a further status that counts as delivered" },
    { "--idempotent", flag = true, help = "the flow recognises repeats, so resending is safe" },
  }, 1, 6, #curl.options + 1, table.move(curl.options, 1, #curl.options, 1, {}))),
  run = run,
}
