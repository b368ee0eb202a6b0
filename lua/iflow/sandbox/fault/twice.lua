--- Something on the way, a proxy or the balancer, repeats the message by itself: the flow runs
--- twice, the client sees the second answer.
local function copy(request)
  local other = {}
  for name, value in pairs(request) do other[name] = value end
  return other
end

-- Lets a request read a body that is here already.
local function give_body(request, body)
  local left = body
  request.read_body = function() return body end
  request.read = function()
    local piece = left ~= "" and left or nil
    left = ""
    return piece
  end
end

return {
  help = "something on the way repeats the message: the flow runs twice",
  hosts = { "runtime" },
  serve = function(_, tenant, request, serve)
    local flow = tenant.flows:find(request.path)
    local body = request.read_body(flow and flow.max_size or tenant.settings.max_size)
    if not body then return { abort = true } end
    local first = copy(request)
    give_body(first, body)
    give_body(request, body)
    serve(first)
    return serve(request)
  end,
}
