-- Make a failed or cancelled task pending as if it were new; return the state that it had, or nothing.
-- Its token goes on, so that old claims stay old.
write_even_if_full()
local id = asked
local task = read_tasks({id})[id]
if not task then
    return false
end
local before = task[STATE]
if before ~= 'failed' and before ~= 'cancelled' then
    return before
end
local text = 'Retried by a user after it was ' .. before .. '.'
local line = {at = now / 1000000, text = text, source = 'lilota', attempt = task[ATTEMPT]}
queue('RPUSH', log_of(id), cmsgpack.pack(line))
set_pending(id, task, now)
task[ATTEMPT], task[LOST], task[CANCEL], task[PID], task[PROGRESS] = 0, 0, false, 0, 0
task[STARTED_AT], task[FINISHED_AT], task[RUNNER], task[ERROR] = false, false, false, false
if task[PROGRESS_NOTE] then
    task[PROGRESS_NOTE] = false
end
write_task(id, task)
flush()
announce()
return before
