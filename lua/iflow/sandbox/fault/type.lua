--- The right answer under a wrong content type.
return {
  help = "the answer says it is of TYPE",
  value = { type = "text", name = "TYPE", default = "text/html" },
  serve = function(kind, _, _, serve)
    local answer = serve()
    if answer.abort then return answer end
    for name in pairs(answer.headers) do
      if tostring(name):lower() == "content-type" then answer.headers[name] = nil end
    end
    answer.headers["Content-Type"] = kind
    return answer
  end,
}
