--- Tokens that live for a moment only. What lives shorter than the leeway of the runtime gets none.
return {
  help = "tokens live for TIME",
  hosts = { "token", "token_cert" },
  value = { type = "time", default = "2s" },
  serve = function(seconds, _, request, serve)
    request.token_validity = math.ceil(seconds)
    return serve()
  end,
}
