-- Cancel a pending task, ask a running one to stop, leave an ended one alone; return the state, or nothing.
write_even_if_full()
local id = asked
local task = read_tasks({id})[id]
if not task then
    return false
end
if task[STATE] == 'running' then
    if not task[CANCEL] then
        task[CANCEL] = true
        write_task(id, task)
        queue('HSET', PREFIX .. 'cancels:' .. task[RUNNER], id, string.format('%.0f', task[TOKEN]))
    end
elseif not ENDS[task[STATE]] then
    leave_line(id, task)
    set_ended(id, task, 'cancelled')
    write_task(id, task)
end
flush()
announce()
return task[STATE]
