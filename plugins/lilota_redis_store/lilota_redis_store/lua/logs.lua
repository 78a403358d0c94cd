-- Return log lines of a task, or nothing if there is no such task: {id, after, limit}.
local id, after, limit = unpack(asked)
if redis.call('HEXISTS', TASKS, id) == 0 then
    return false
end
return pack_array(limit < 1 and {} or redis.call('LRANGE', PREFIX .. 'logs:' .. id, after, after + limit - 1))
