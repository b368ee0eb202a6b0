-- worker.lua -- iflow sandbox worker [STATE]: starts, restarts and stops the workers of a sandbox.
local client = require "iflow.sandbox.client"

return {
  name = "worker",
  summary = "show or change the state of worker nodes",
  description = "started; restarting: who is led there gets 502; stopped: nobody is, and when all "
    .. "are it is 503; removed: the whole runtime app is gone, 404. Their sessions end.",
  arguments = { { "state", args = "?", choices = { "started", "restarting", "stopped", "removed" },
                  help = "the new state" } },
  options = {
    require("iflow.cli.sandbox").dir_option,
    { "--number", value = "N", type = "integer", env = false, help = "one worker; else all" },
  },
  run = function(args, out)
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    local list
    list, err = sb:worker(args.state, args.number)
    if not list then return nil, err end
    if out.json_mode then
      out:json(list)
      return 0
    end
    local rows = {}
    for i, worker in ipairs(list) do rows[i] = { worker.number, worker.state } end
    out:table({ "worker", "state" }, rows)
    return 0
  end,
}
