-- Return log lines of each of several tasks, of nothing where there is no such task: {ids, after, limit}.
local ids, after, limit = unpack(asked)
local pieces = {}
for i, id in ipairs(ids) do
    pieces[i] = pack_array(redis.call('LRANGE', log_of(id), after[i], after[i] + limit - 1))
end
return pack_array(pieces)
