-- Delete tasks that ended at that instant or before, with all that belongs to them: {age in seconds, states, limit}.
write_even_if_full()
local age, states, limit = unpack(asked)
local ended_before = string.format('%.0f', now - age * 1000000)
local pruned, beside = 0, {}

local function delete(id, task)
    local part = part_of(id)
    leave_state(id, task)
    queue('HDEL', TASKS[part], id)
    if task[INPUT] == true then
        queue('HDEL', APART[INPUT][part], id)
    end
    if task[OUTPUT] == true then
        queue('HDEL', APART[OUTPUT][part], id)
    end
    if task[CHECKPOINT] == true then
        queue('HDEL', APART[CHECKPOINT][part], id)
    end
    if task[OWNER] then
        queue('ZREM', OWNED[task[OWNER]][part], id)
    end
    beside[#beside + 1] = log_of(id)
    if task[HAS_NOTES] then
        beside[#beside + 1], beside[#beside + 2] = note_keys(id)
    end
    pruned = pruned + 1
end

for _, state in ipairs(states) do
    look_at_parts(ENDED[state], 'ZRANGEBYSCORE', '-inf', ended_before, function(part)
        local ids = redis.call('ZRANGEBYSCORE', part, '-inf', ended_before, 'LIMIT', 0, limit - pruned)
        for id, task in pairs(read_tasks(ids)) do
            delete(id, task)
        end
        return pruned >= limit
    end)
end
flush()
in_portions(beside, function(...)
    redis.call('UNLINK', ...)
end)
return pruned
