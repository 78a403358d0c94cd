-- Return notes of a task, or nothing if there is no such task: {id, from, to, limit}, the bounds as for BYLEX.
local id, from, to, limit = unpack(asked)
if redis.call('HEXISTS', TASKS[part_of(id)], id) == 0 then
    return false
end
local values, names = note_keys(id)
return pack_array(read_many(values, redis.call('ZRANGE', names, from, to, 'BYLEX', 'LIMIT', 0, limit)))
