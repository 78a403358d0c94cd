-- Delete tasks that ended at that instant or before, with all that belongs to them: {age in seconds, states, limit}.
local age, states, limit = unpack(asked)
local ended_before = string.format('%.0f', now - age * 1000000)
local pruned, logs = 0, {}
for _, state in ipairs(states) do
    local key = PREFIX .. 'ended:' .. state
    local ids = redis.call('ZRANGEBYSCORE', key, '-inf', ended_before, 'LIMIT', 0, limit - pruned)
    pruned = pruned + #ids
    for id, task in pairs(read_tasks(ids)) do
        queue('ZREM', IDS[state][task[LANE]], id)
        queue('ZREM', key, id)
        queue('HDEL', TASKS, id)
        if task[INPUT] == true then
            queue('HDEL', INPUTS, id)
        end
        if task[OUTPUT] == true then
            queue('HDEL', OUTPUTS, id)
        end
        logs[#logs + 1] = PREFIX .. 'logs:' .. id
    end
end
flush()
for first = 1, #logs, MOST do
    redis.call('UNLINK', unpack(logs, first, math.min(first + MOST - 1, #logs)))
end
return pruned
