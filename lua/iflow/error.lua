--- What failures look like. A function that can fail at run time returns `nil, err`; err is an
-- iflow.error: a table with
--   code        stable and dotted, for example "token.rejected"; the only field to compare
--   message     what happened, where and why likely; one line
--   hint        what to do next
--   retryable   whether the same thing may work later
--   status, message_id, retry_after, native, cause, traceback   where they are known
-- tostring(err) gives "code: message (hint)". A mistake of the script itself (wrong type, unknown
-- option, closed object) raises instead.
--
--   local err = iflow.error { code = "call.rejected", message = "…" }   -- hint, retryable by code
--   iflow.error.is(value)             true for an iflow.error
--   iflow.error.wrap(value, code)     an iflow.error of any error value; code "script.failed"
--   iflow.error.handler(code)         for xpcall: texts become errors of that code, with traceback
--   iflow.error.exit_code(err)        what a command ends with (0 fine … 5 in doubt)
--   iflow.error.info(code)            { retryable, exit_code, hint }, or nil for an unknown code
--   iflow.error.codes()               the list of all codes

local core = require("iflow.core").error

local errors = { is = core.is, info = core.info, codes = core.codes }

local NO_MEMORY = "^not enough memory"

--- What Lua says when memory is out, as the error script.limit; any other value as it is.
function errors.limit(value)
  if type(value) ~= "string" or not value:find(NO_MEMORY) then return value end
  return core.make { code = "script.limit", message = "not enough memory: more was asked for than "
    .. "a script, or the process, may take", traceback = value:match "\n(stack traceback:.*)$" }
end

--- An iflow.error of any error value.
function errors.wrap(value, code)
  code = code or "script.failed"
  if not core.info(code) then error(("'%s' is not a code of iflow"):format(code), 2) end
  value = errors.limit(value)
  local ok, err = pcall(core.wrap, value, code)
  if ok then return err end
  return core.make { code = code, message = ("an error was raised, a %s whose "
    .. "text cannot be made"):format(type(value)) }
end

--- The exit code of the command line for an error or a code.
function errors.exit_code(err)
  local code = type(err) == "table" and err.code or err
  local info = type(code) == "string" and core.info(code)
  return info and info.exit_code or 4
end

--- A message handler for xpcall: makes an iflow.error of a text that was raised and keeps the
-- traceback while the stack still stands; other values stay as they are.
function errors.handler(code)
  return function(err)
    if type(err) ~= "string" then return err end
    if err:find(NO_MEMORY) then return errors.limit(err) end
    return errors { code = code, message = err, traceback = debug.traceback("", 2) }
  end
end

return setmetatable(errors, {
  __call = function(_, fields) return core.make(fields) end,
})
