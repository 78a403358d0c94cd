-- Return log lines of a task, or nothing if there is no such task: {id, after, limit}.
local id, after, limit = unpack(asked)
if redis.call('HEXISTS', TASKS[part_of(id)], id) == 0 then
    return false
end
return pack_array(limit < 1 and {} or redis.call('LRANGE', log_of(id), after, after + limit - 1))
