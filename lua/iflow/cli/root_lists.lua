-- root_lists.lua -- the options with which commands are told other lists of SAP's authorities.
local roots = require "iflow.roots"

local lists = { FILE_MAX = 1024 * 1024 } -- bytes of a file with authorities

local rows = {
  { "--lb-roots", value = "FILE", help = "the load balancer's list, as iflow cert roots --json "
    .. "writes it, instead of the built-in one" },
  { "--token-roots", value = "FILE", help = "the token server's list, likewise" },
}

--- The rows of a command: its own first.
function lists.with(own) return table.move(rows, 1, #rows, #own + 1, own) end

--- The lists for the parsed words, or nil, err.
function lists.load(args)
  return roots.load { load_balancer = args.lb_roots, token_server = args.token_roots }
end

return lists
