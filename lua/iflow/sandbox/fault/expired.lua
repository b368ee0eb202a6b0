--- The caller's certificate has expired: the token server refuses it, the balancer drops it.
return {
  help = "as if the caller's certificate has expired",
  hosts = { "token_cert", "runtime", "api" },
  serve = function(_, _, request, serve)
    request.certificate_expired = true
    return serve()
  end,
}
