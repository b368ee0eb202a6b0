--- A module that is loaded when it is first used: for what a short run does without. Internal.
--
--   local message_log = lazy "iflow.message_log"
--   message_log.judge(list)   message_log(options)      -- as of the module itself

return function(name)
  return setmetatable({}, {
    __index = function(_, key) return require(name)[key] end,
    __call = function(_, ...) return require(name)(...) end,
  })
end
