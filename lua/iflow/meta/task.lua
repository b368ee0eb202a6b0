---@meta _

--- Tasks: several things at once.
---
--- A task is plain sequential Lua; what waits in it lets the others go on. `iflow.run` starts the
--- first one and returns when all have ended.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.run(function()
---   local results = iflow.all({
---     function() iflow.sleep "10ms" return "slow" end,
---     function() return "quick" end,
---   }, { limit = 8 })
---   assert(results[1] == "slow" and results[2] == "quick")
--- end)
--- ```

---@class iflow
local iflow = {}

--- Calls a function in a task and drives the event loop until every task has ended. Its results are
--- those of the function. An error in a task that nobody joins ends the run and is raised here.
--- Raises inside a running `iflow.run`. Errors that it raises: `task.deadlock` when all tasks wait
--- for each other.
---@param fn fun(...: any): any What is done
---@param ... any For the function
---@return any ... What the function returned
function iflow.run(fn, ...) end

--- One turn of the event loop, for a program that has a loop of its own: it steps after it starts
--- work, when the descriptor is readable, and when the timeout is over. Raises the error of a task
--- that nobody joins.
---@param timeout? iflow.duration How long it may wait for something to do. Default: `0`.
---@return boolean busy Whether anything is left to do
function iflow.step(timeout) end

--- The descriptor that gets readable when a step is due.
---@return integer descriptor
function iflow.pollfd() end

--- When a step is due anyhow.
---@return number? seconds nil: nothing is waited for
function iflow.next_timeout() end

--- Starts a task, which begins with the next turn of `iflow.run` or `iflow.step`. An error in it
--- that no join waits for ends the run.
---@param fn fun(...: any): any What it does
---@param ... any For the function
---@return iflow.task task The task; a `<close>` variable of it cancels it
function iflow.spawn(fn, ...) end

--- Waits for a time; 0 lets the other tasks run.
---@param duration iflow.duration How long
function iflow.sleep(duration) end

--- The running task.
---@return iflow.task? task nil outside of `iflow.run`
function iflow.current() end

--- Waits until another task wakes this one. Errors: `task.timeout`.
---@param timeout? iflow.duration How long at most; without it for ever
---@return any ... What `iflow.wake` handed over; or nil, err
function iflow.park(timeout) end

--- Hands values to a task that is parked.
---@param task iflow.task The one that waits
---@param ... any What its `iflow.park` returns
---@return boolean woken false when it is not parked
function iflow.wake(task, ...) end

--- The time of day.
---@return number seconds Seconds since 1970, with fractions
function iflow.now() end

--- A clock that never jumps, for measuring.
---@return number seconds Seconds since some moment in the past
function iflow.monotonic() end

--- A function that runs beside others.
---@class iflow.task
local task = {}

--- Waits for its end. Raises what the task raised. Errors: `task.timeout`, `task.canceled`.
---@param timeout? iflow.duration How long at most; without it for ever
---@return any ... What its function returned; or nil, err
function task:join(timeout) end

--- Ends it: the wait it is in, or the next one, raises `task.canceled` there. May be repeated.
function task:cancel() end

--- What it is doing.
---@return "ready"|"running"|"waiting"|"returned"|"failed"|"canceled" state
function task:state() end

--- Says whose work it does, for the log when it holds up the others.
---@param text string Such as the name of a sender
function task:label(text) end

--- Whether somebody joins it just now.
---@return boolean awaited
function task:awaited() end

--- What `iflow.all` takes.
---@class iflow.all.options
--- How many run at once. Default: `64`.
---@field limit? integer

---@class iflow
local iflow = {}

--- Calls many functions, each in a task of its own, and waits for all of them. Of an iterator the
--- next function is asked for only when a task may start, so it can stand for more than fits into
--- memory. A function that raises cancels the others, and its error is raised here.
---@param functions (fun(): any)[]|(fun(): (fun(): any)?) A list, or an iterator that ends with nil
---@param options? iflow.all.options
---@return table results First result of each function by its number; `n`: how many there were
---@return table? errors By number, where a function returned `nil, err`; nil when there are none
function iflow.all(functions, options) end

--- Calls a function with a limit of time. When it is over, the function is cancelled and has
--- cleaned up before this returns. Errors: `task.timeout`.
---@param duration iflow.duration The limit
---@param fn fun(...: any): any What is done
---@param ... any For the function
---@return any ... What the function returned; or nil, err
function iflow.timeout(duration, fn, ...) end

--- A limit on how many tasks do something at once.
---
--- ```lua
--- local iflow = require "iflow"
--- local limit = iflow.semaphore(2)
--- iflow.run(function()
---   local permit <close> = assert(limit:acquire "1s")
---   assert(limit:available() == 1)
--- end)
--- ```
---@param permits integer How many there are, 1 to 1,000,000
---@return iflow.semaphore semaphore
function iflow.semaphore(permits) end

--- Gives out permits, in the order of asking.
---@class iflow.semaphore
local semaphore = {}

--- Waits for a permit. Errors: `task.timeout`.
---@param timeout? iflow.duration How long at most; without it for ever
---@return iflow.permit? permit Keep it in a `<close>` variable
---@return iflow.error? err
function semaphore:acquire(timeout) end

--- How many permits are free.
---@return integer free
function semaphore:available() end

--- A permit; it goes back when its variable is closed.
---@class iflow.permit
local permit = {}

--- Gives it back sooner. May be repeated.
function permit:release() end

--- A bounded queue between tasks. A value is never lost: a task that is cancelled while it waits
--- has not taken one.
---
--- ```lua
--- local iflow = require "iflow"
--- iflow.run(function()
---   local queue = iflow.channel(16)
---   iflow.spawn(function()
---     for i = 1, 3 do assert(queue:send(i)) end
---     queue:close()
---   end)
---   local sum = 0
---   for value in queue:values() do sum = sum + value end
---   assert(sum == 6)
--- end)
--- ```
---@param capacity? integer Values that it holds; from hand to hand without any. Default: `0`
---@return iflow.channel channel `#channel` is the number of values in it
function iflow.channel(capacity) end

--- Carries values from task to task.
---@class iflow.channel
local channel = {}

--- Waits for room. Errors: `channel.closed`, `task.timeout`.
---@param value any Anything but nil
---@param timeout? iflow.duration How long at most; without it for ever
---@return true? sent
---@return iflow.error? err
function channel:send(value, timeout) end

--- Waits for a value. Errors: `channel.closed`, `task.timeout`.
---@param timeout? iflow.duration How long at most; without it for ever
---@return any value
---@return iflow.error? err
function channel:receive(timeout) end

--- For a loop over what is received, until the channel is closed and empty.
---@return fun(): any iterator
function channel:values() end

--- Ends sending; what is inside is still received. May be repeated.
function channel:close() end
