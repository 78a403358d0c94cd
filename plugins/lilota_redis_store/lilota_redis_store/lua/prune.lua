-- Delete tasks that ended at that instant or before, with all that belongs to them: {age in seconds, states, limit}.
write_even_if_full()
local age, states, limit = unpack(asked)
local ended_before = string.format('%.0f', now - age * 1000000)
local logs = {}

local function delete(id, task)
    local part = part_of(id)
    leave_state(id, task)
    queue('HDEL', TASKS[part], id)
    if task[INPUT] == true then
        queue('HDEL', INPUTS[part], id)
    end
    if task[OUTPUT] == true then
        queue('HDEL', OUTPUTS[part], id)
    end
    logs[#logs + 1] = log_of(id)
end

for _, state in ipairs(states) do
    look_at_parts(ENDED[state], 'ZRANGEBYSCORE', '-inf', ended_before, function(part)
        local ids = redis.call('ZRANGEBYSCORE', part, '-inf', ended_before, 'LIMIT', 0, limit - #logs)
        for id, task in pairs(read_tasks(ids)) do
            delete(id, task)
        end
        return #logs >= limit
    end)
end
flush()
in_portions(logs, function(...)
    redis.call('UNLINK', ...)
end)
return #logs
