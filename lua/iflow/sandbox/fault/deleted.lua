--- The caller's key was deleted: its secret and its certificate are nobody's. Tokens that were
--- issued live on.
return {
  help = "as if the caller's key was deleted; tokens that were issued live on",
  serve = function(_, _, request, serve)
    request.key_deleted = true
    return serve()
  end,
}
