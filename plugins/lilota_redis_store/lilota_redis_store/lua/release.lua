-- Forget a runner and give back what it holds, without spending the attempts; return how many tasks that were.
write_even_if_full()
local taken = take_back(function(task)
    return task[RUNNER] == asked and {state = 'pending', spends_attempt = false} or nil
end)
forget(asked)
if #taken > 0 then
    announce()
end
return #taken
