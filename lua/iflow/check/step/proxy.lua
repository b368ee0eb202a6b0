--- The proxy on the way to each host, if there is one.
return {
  name = "proxy", needs = { "dns" }, each = true,
  run = function(look, place)
    local seen, err = look:probe(place)
    if err and err.stage == "proxy" then
      return { verdict = "failed", code = err.code, evidence = err.message, next_step = err.hint,
        cause = err.code == "net.proxy_auth" and "proxy_credentials" or "proxy" }
    end
    return { verdict = "fine", evidence = seen.proxy and "by " .. seen.proxy or "none" }
  end,
}
