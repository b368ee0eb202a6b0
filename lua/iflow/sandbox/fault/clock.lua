--- The clock of a host is wrong: that of a token server dates its tokens, that of the runtime
--- judges them.
return {
  help = "its clock is ahead by TIME, or behind when TIME is negative",
  value = { type = "skew", default = "2h" },
  serve = function(seconds, _, request, serve)
    request.clock_skew = (request.clock_skew or 0) + seconds
    return serve()
  end,
}
