-- wrk.lua -- wrk's script: the same POST each time; it prints how many were answered.
-- Arguments after --: BODY-FILE TOKEN-FILE
local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

function init(args)
  wrk.method, wrk.body = "POST", read(args[1])
  wrk.headers["Authorization"] = "Bearer " .. read(args[2])
  wrk.headers["Content-Type"], wrk.headers["Accept"] = "application/json", "application/json"
  wrk.headers["User-Agent"] = "wrk/4.1"
  wrk.headers["SAP_ApplicationID"] = "01890a5d-ac96-774b-bcce-b302099a8057"
end

function done(summary)
  assert(summary.errors.status == 0, "an answer was no success")
  print("requests " .. summary.requests)
end
