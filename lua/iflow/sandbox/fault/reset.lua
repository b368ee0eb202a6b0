--- The connection is reset: before the body is read, after it, or when the work is done and only
--- the answer is lost.
return {
  help = "the connection is reset before the body was read; after: when it was read; answer: when "
    .. "the request was served, instead of its answer",
  value = { type = "word", words = { "before", "after", "answer" }, default = "before" },
  serve = function(when, _, request, serve)
    if when == "answer" then
      serve()
    elseif when == "after" then
      repeat until not request.read()
    end
    return { abort = true }
  end,
}
