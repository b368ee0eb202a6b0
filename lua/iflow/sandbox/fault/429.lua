--- Too many requests, with Retry-After.
local failure = require "iflow.sandbox.cf.failure"
local refusal = require "iflow.sandbox.token.refusal"
local web = require "iflow.sandbox.web"

return {
  help = "too many requests; TIME is told in Retry-After",
  value = { type = "time", default = "1s" },
  serve = function(seconds, _, request)
    local whole = math.ceil(seconds)
    if request.kind == "token" or request.kind == "token_cert" then
      return refusal.too_many(whole)
    end
    if request.kind == "cf" then
      return failure.answer("RateLimitExceeded", nil, { ["Retry-After"] = tostring(whole) })
    end
    return web.page(429, "Too Many Requests", { ["Retry-After"] = tostring(whole) })
  end,
}
