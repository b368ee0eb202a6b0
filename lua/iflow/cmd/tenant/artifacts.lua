-- artifacts.lua -- iflow tenant artifacts [NAME]: what is deployed, by whom, and why not.
local shared = require "iflow.cli.tenant_api"

local function wanted(artifact, name)
  if not name then return true end
  local text = ((artifact.id or "") .. "\n" .. (artifact.name or "")):lower()
  return text:find(name:lower(), 1, true) ~= nil
end

local function run(args, out)
  local api <close>, err = shared.open(args, out)
  if not api then return nil, err end
  local list
  list, err = api:artifacts { status = args.status, errors = true }
  if not list then return nil, err end
  local chosen, rows = {}, {}
  for _, artifact in ipairs(list) do
    if wanted(artifact, args.name) then
      chosen[#chosen + 1] = artifact
      rows[#rows + 1] = { shared.text(artifact.id, 40), shared.text(artifact.version),
        shared.text(artifact.type), shared.text(artifact.status),
        shared.text(artifact.deployed_by, 30), shared.time(artifact.deployed_on),
        shared.text(artifact.error, 80) or "" }
    end
  end
  if out.json_mode then
    out:json { artifacts = shared.values(chosen) }
  elseif #rows > 0 then
    out:table({ "artifact", "version", "type", "status", "deployed by", "deployed", "error" }, rows)
  else
    out:note "nothing is deployed that fits"
  end
  return 0
end

return {
  name = "artifacts",
  summary = "show what is deployed, by whom, and why something is not",
  description = "Status: STARTING and STOPPING pass, STARTED and ERROR stay.",
  arguments = { { "name", args = "?", help = "only those with this in id or name" } },
  options = shared.with {
    { "--status", value = "STATUS", env = false,
      help = "only those with this status: STARTING, STARTED, ERROR, STOPPING" },
  },
  run = run,
}
