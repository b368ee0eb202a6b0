--- The right answer under a wrong content type.

-- The name of a header: they come as { name = value } or as a list of { name, value }.
local function name_of(key, value)
  return math.type(key) and type(value) == "table" and value[1] or key
end

local function others(headers)
  local out = {}
  for key, value in pairs(headers) do
    if tostring(name_of(key, value)):lower() ~= "content-type" then
      out[math.type(key) and #out + 1 or key] = value
    end
  end
  return out
end

return {
  help = "the answer says it is of TYPE",
  value = { type = "text", name = "TYPE", default = "text/html" },
  serve = function(kind, _, _, serve)
    local answer = serve()
    if answer.abort then return answer end
    answer.headers = others(answer.headers)
    answer.headers["Content-Type"] = kind
    return answer
  end,
}
