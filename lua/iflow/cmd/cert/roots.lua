-- roots.lua -- iflow cert roots: the authorities SAP accepts of client certificates, both lists.
local json = require "iflow.json"
local lists = require "iflow.cli.root_lists"

local function rows_of(list)
  local rows = {}
  for i, row in ipairs(list.roots) do
    rows[i] = { row.removed and "removed" or row.required and "required" or "accepted",
      row.not_after, row.subject, row.sha256 or row.sha1 or "not published, through its issuer" }
  end
  return rows
end

local function document(list)
  return { name = list.name, source = list.source, version = list.version, date = list.date,
           roots = json.array(list.roots) }
end

local function heading(title, list)
  local words = { title, list.source, list.version, list.date }
  local text = {}
  for i = 1, 4 do text[#text + 1] = words[i] end
  return table.concat(text, ", ")
end

local function run(args, out)
  local both, err = lists.load(args)
  if not both then return nil, err end
  if out.json_mode then
    out:json { load_balancer = document(both.load_balancer),
               token_server = document(both.token_server) }
    return 0
  end
  local titles = { "status", "ends", "subject", "SHA-256 (or SHA-1)" }
  out:print(heading("load balancer: client certificates to the runtime", both.load_balancer))
  out:table(titles, rows_of(both.load_balancer))
  out:print ""
  out:print(heading("token server: external certificates", both.token_server))
  out:table(titles, rows_of(both.token_server))
  return 0
end

return {
  name = "roots",
  summary = "show the authorities that SAP accepts",
  description = "Shows the two lists that decide what SAP accepts of a client certificate. What "
    .. "--json writes is what --lb-roots and --token-roots read: a newer list needs no newer "
    .. "iflow.",
  options = lists.with {},
  run = run,
}
