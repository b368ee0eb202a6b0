--- Where a trigger hands on what it got: to a sender, by name or by a function, or to a function of
-- the script. Internal; for iflow.files and iflow.stdin.

local errors = require "iflow.error"
local suggest = require "iflow.suggest"
local verdict = require "iflow.verdict"

local target = {}

--- Raises, `level` above the caller, when it is no name of a trigger.
function target.check_name(name, level)
  if name:match "^[%w][%w%._%-]*$" and #name <= 64 then return end
  error(("'%s' is no name of a trigger: it has letters, digits, '.', '_' and '-', 64 at most")
    :format(name), level + 1)
end

--- Raises, `level` above the caller, unless the options have either a sender or a function to run.
function target.check(options, level)
  local sender, run = options.sender, options.run
  if (sender == nil) == (run == nil) then
    error("either 'sender' or 'run' says what is done", level + 1)
  end
  if sender ~= nil and type(sender) ~= "string" and type(sender) ~= "function" then
    error("option 'sender' must be the name of a sender or a function that returns one, got "
      .. type(sender), level + 1)
  end
  if run ~= nil and type(run) ~= "function" then
    error("option 'run' must be a function, got " .. type(run), level + 1)
  end
end

-- The sender of that name, or nil, err.
local function named(service, trigger, name)
  local senders, names = service.registry.senders, {}
  if senders[name] and senders[name].options then return senders[name] end
  for other, found in pairs(senders) do
    if found.options then names[#names + 1] = other end
  end
  table.sort(names)
  return nil, errors { code = "usage.invalid", message = suggest.message(
    ("%s '%s' (%s): no sender '%s' is defined"):format(trigger.kind, trigger.name, trigger.place,
      name), name, names),
    hint = ("correct the name, or define it: iflow.sender %q { to = … }"):format(name) }
end

--- What a function of the script made of `thing`: its values, or nil, err when it raised.
function target.call(fn, thing)
  local done = table.pack(xpcall(fn, errors.handler "script.failed", thing))
  if done[1] then return table.unpack(done, 2, done.n) end
  local err = done[2]
  if errors.is(err) and err.code == "task.canceled" then error(err, 0) end
  return nil, errors.wrap(err, "script.failed")
end

--- The sender for `thing`; nil, err. A function may refuse it: iflow.reject("why").
function target.sender(service, trigger, thing)
  local name = trigger.options.sender
  if type(name) == "function" then
    local err
    name, err = target.call(name, thing)
    if verdict.of(name) == "reject" then
      return nil, errors { code = "message.rejected", message = name.reason }
    elseif type(name) ~= "string" then
      return nil, err or errors { code = "script.failed",
        message = ("%s '%s' (%s): the function 'sender' returned %s, not a sender's name"):format(
          trigger.kind, trigger.name, trigger.place, type(name)) }
    end
  end
  return named(service, trigger, name)
end

return target
