-- Return ids of tasks that ended at that instant or later: {since, states, limit}.
local since, states, limit = unpack(asked)
local ended_since = string.format('%.0f', since)
local ids = {}
for _, state in ipairs(states) do
    -- What is known of a part is when its first task ended, and any part may have one that ended lately.
    look_at_parts(ENDED[state], 'ZREVRANGEBYSCORE', '+inf', '-inf', function(part)
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', part, ended_since, '+inf', 'LIMIT', 0, limit - #ids)) do
            ids[#ids + 1] = id
        end
        return #ids >= limit
    end)
end
return ids
