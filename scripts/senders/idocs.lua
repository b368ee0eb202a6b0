-- idocs.lua -- sends every IDoc of a directory to the integration flow at /http/idocs, each file a
-- message. Delivered files move to its folder done/, rejected ones to failed/; what could not be
-- sent stays for the next run. The IDoc's number is the id of the message, so that the flow knows
-- a file that comes twice because a run was killed before it could be moved.
--   iflow run scripts/senders/idocs.lua --set inbox=DIRECTORY
local iflow = require "iflow"

-- A message for each file, oldest name first.
local function files(directory)
  local quoted = "'" .. directory:gsub("'", "'\\''") .. "'"
  local list = assert(io.popen("find " .. quoted .. " -maxdepth 1 -name '*.xml' | sort"))
  return function()
    local path = list:read "l"
    return path and iflow.message.new { body = { file = path }, source = { file = path } }
  end
end

local function move(msg, folder)
  local directory, name = msg.source.file:match "^(.*/)(.*)$"
  os.execute(("mkdir -p '%s'"):format((directory .. folder):gsub("'", "'\\''")))
  assert(os.rename(msg.source.file, directory .. folder .. "/" .. name))
end

local idocs = iflow.sender "idocs" {
  to           = "/http/idocs",
  headers      = { ["Content-Type"] = "application/xml" },
  transform    = function(msg)
    msg.body = assert(msg:text())
    msg.id = msg.body:match "<DOCNUM>(%d+)</DOCNUM>"
    return msg.id and msg or iflow.reject "there is no DOCNUM in it"
  end,
  idempotent   = true,
  on_delivered = function(msg) move(msg, "done") end,
  on_rejected  = function(msg, err)
    iflow.log.write("error", "idocs", tostring(err))
    if err.outcome == "rejected" then move(msg, "failed") end
  end,
}

if iflow.args.inbox then
  local summary = assert(idocs:send_all(files(iflow.args.inbox), { progress = true }))
  print(summary)
  return summary:exit_code()
end

iflow.test("delivered files are done, others have failed; nothing is sent twice", function(t)
  local flow = t:flow { address = "/idocs", allowed_headers = "SAP_ApplicationID" }
  local inbox = t:file("a.xml", "<ORDERS05><DOCNUM>0017</DOCNUM></ORDERS05>"):match "^(.*)/"
  t:file("b.xml", "<ORDERS05/>")
  local summary = idocs:send_all(files(inbox))
  t:equal({ 1, 1 }, { summary.delivered, summary.rejected })
  t:equal("0017", flow.received[1].headers["sap_applicationid"])
  t:ok(io.open(inbox .. "/done/a.xml"), "a.xml in done")
  t:ok(io.open(inbox .. "/failed/b.xml"), "b.xml in failed")
  t:equal(0, idocs:send_all(files(inbox)):total())
end)

iflow.test("what could not be sent stays for the next run", function(t)
  t:flow { address = "/idocs" }
  local path = t:file("a.xml", "<ORDERS05><DOCNUM>0017</DOCNUM></ORDERS05>")
  t:fault "runtime:503@first=4"
  t:equal(1, idocs:send_all(files(path:match "^(.*)/")).retryable)
  t:ok(io.open(path), "the file")
  t.clock:advance "1m"
  t:equal(1, idocs:send_all(files(path:match "^(.*)/")).delivered)
end)
