--- The answer breaks off in its middle: its length was told, and the connection is reset behind the
--- first half of it. What comes in pieces breaks off behind the first one; what is empty does not
--- come at all.

-- One piece, then the end.
local function one(piece)
  return function()
    local now = piece
    piece = nil
    return now
  end
end

return {
  help = "the connection is reset in the middle of the answer",
  serve = function(_, _, _, serve)
    local answer = serve()
    if answer.abort or answer.body == "" then return { abort = true } end
    if type(answer.body) == "string" then
      answer.length = #answer.body
      answer.body = one(answer.body:sub(1, #answer.body // 2))
    else
      answer.body = one(answer.body())
    end
    answer.cut = true
    return answer
  end,
}
