-- clients.lua -- the corpus of answers through our client and through curl. What a client makes of
-- an answer: "refused", or { status =, body =, headers = { [name] = value }, kept = }; kept is nil
-- where the server closed anyway.
local core = require "iflow.core"
local process = require "spec.support.process"

local clients = {}

--- A server that plays the cases; .url ends in a slash. way: "drip" for single bytes.
function clients.serve(cases, way)
  local dir = process.tempdir()
  local list = {}
  for i, case in ipairs(cases) do
    list[i] = { bytes = core.crypto.base64(case.bytes), ends = case.ends == true }
  end
  dir:write("cases", assert(core.json.encode(list)))
  local helper = process.start { "python3", "spec/support/differential/answer.py",
    dir:file "cases", way or "whole" }
  local port = process.wait_for("the server", function()
    if not helper:alive() then error("it ended: " .. helper:output(), 0) end
    return (helper.dir:read "out" or ""):match "^(%d+)\n"
  end)
  local function stop()
    helper:stop()
    dir:close()
  end
  return setmetatable({ url = "http://127.0.0.1:" .. port .. "/" }, { __close = stop })
end

--- Our client; the errors of refusals come as a second list. Without `kept` when the server drips.
--- Inside iflow.run.
function clients.iflow(cases, url, drips)
  local results, errors = {}, {}
  for i, case in ipairs(cases) do
    local request = { url = url .. i - 1, method = case.method, timeout = 30, proxy = "" }
    local answer, err = core.http.request(request)
    errors[i] = err
    results[i] = "refused"
    if answer then
      local headers = answer.headers
      headers.raw = nil
      results[i] = { status = answer.status, body = answer.body, headers = headers }
      if not case.ends and not drips then
        request.url = request.url .. "/after"
        request.method = nil
        results[i].kept = assert(core.http.request(request)).body == "kept"
      end
    end
    core.http.drop_idle()
  end
  return results, errors
end

-- curl -------------------------------------------------------------------------------------------

-- One process for all. The fields are read from what it took for the lines of the head: the JSON of
-- curl 7.88 spoils whatever is no ASCII.
local OPTIONS = [[
url = "%s"
output = "%s"
dump-header = "%s"
write-out = "%%{exitcode} %%{response_code}\n"
silent
compressed
http1.1
max-time = 30
%s
]]

--- The options of all transfers, and the number of each case's first one.
local function transfers_of(cases, url, dir)
  local transfers, of = {}, {}
  for i, case in ipairs(cases) do
    local target = url .. i - 1
    of[i] = #transfers + 1
    transfers[of[i]] = OPTIONS:format(target, dir:file(tostring(i)),
      dir:file(i .. "-head"), case.method == "HEAD" and "head" or "")
    if not case.ends then
      transfers[of[i] + 1] = OPTIONS:format(target .. "/after", dir:file(i .. "-after"),
        "/dev/null", "")
    end
  end
  return transfers, of
end

--- The fields of the last head of a dump; behind it there may be trailers.
local function fields_of(dump)
  local head
  for block in (dump .. "\r\n\r\n"):gmatch "(.-\n)\r?\n" do
    if not head or block:find "^HTTP/" then head = block end
  end
  local fields, text = {}, (head or ""):gsub("\r?\n[ \t]+", " ")
  for line in text:gsub("^[^\n]*\n", ""):gmatch "([^\n]*)\n" do
    local name, value = line:match "^(.-):%s*(.-)%s*$"
    name = (name or line):lower()
    local glue = name == "set-cookie" and "\n" or ", "
    fields[name] = fields[name] and fields[name] .. glue .. value or value or ""
  end
  return fields
end

local function run_curl(transfers, from, dir)
  local parts = {}
  for i = from, #transfers do parts[#parts + 1] = transfers[i] end
  local run = process.run { "curl", "-q", "-K", dir:write("config", table.concat(parts, "next\n")),
    env = { http_proxy = "", all_proxy = "", ALL_PROXY = "" }, timeout = 300 }
  local reports = {}
  for code, status in run.out:gmatch "(%d+) (%d+)\n" do
    reports[#reports + 1] = { code = tonumber(code), status = tonumber(status) }
  end
  assert(#reports > 0, run.err)
  return reports
end

--- The reports of all transfers. A line beyond curl's limit ends the whole program.
local function run_all(transfers, dir)
  local all = {}
  while #all < #transfers do
    local reports = run_curl(transfers, #all + 1, dir)
    table.move(reports, 1, #reports, #all + 1, all)
  end
  return all
end

--- curl; the exit codes of refusals come as a second list.
function clients.curl(cases, url)
  local dir <close> = process.tempdir()
  local transfers, of = transfers_of(cases, url, dir)
  local reports = run_all(transfers, dir)
  local results, codes = {}, {}
  for i, case in ipairs(cases) do
    local report = reports[of[i]]
    results[i] = "refused"
    codes[i] = report.code
    if report.code == 0 then
      local kept
      if not case.ends then kept = dir:read(i .. "-after") == "kept" end
      results[i] = { status = report.status, kept = kept,
                     headers = fields_of(dir:read(i .. "-head")),
                     body = case.method == "HEAD" and "" or dir:read(tostring(i)) or "" }
    end
  end
  return results, codes
end

local function same_fields(a, b)
  for name, value in pairs(a) do
    if b[name] ~= value then return false end
  end
  for name in pairs(b) do
    if not a[name] then return false end
  end
  return true
end

--- How two results differ, in words; nil when they do not.
function clients.difference(ours, theirs)
  if ours == "refused" or theirs == "refused" then
    if ours == theirs then return nil end
    return ours == "refused" and "we refuse" or "they refuse"
  elseif ours.status ~= theirs.status then
    return "another status"
  elseif ours.body ~= theirs.body then
    return "another body"
  elseif not same_fields(ours.headers, theirs.headers) then
    return "other fields"
  elseif ours.kept ~= theirs.kept then
    return ours.kept and "they close" or "we close"
  end
end

return clients
