--- Waits for tasks of a set (task -> anything) until it is empty, those that come meanwhile too.
-- Internal.

--- tasks: a table whose keys are tasks; who ends may take itself out.
return function(tasks)
  local task = next(tasks)
  while task do
    task:join()
    tasks[task] = nil
    task = next(tasks)
  end
end
