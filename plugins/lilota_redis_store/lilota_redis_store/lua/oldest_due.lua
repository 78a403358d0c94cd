-- Return the first tasks of each priority of each lane, and those that have become due and that no claim has made ready:
-- [[[id, priority, run_at, created_at], [queue, name]], ...] of both. {heads, priorities, late}
local most_heads, most_priorities, most_late = unpack(asked)
local LOWEST = 4294967295 -- the rank of the lowest priority

-- The ids at the head of a priority, and from where the next one begins; no ids behind the last one.
local function heads_from(lane, from)
    local ids, first_rank = {}, nil
    for _, member in ipairs(redis.call('ZRANGEBYLEX', READY[lane], from, '+', 'LIMIT', 0, most_heads)) do
        local rank, _, _, id = struct.unpack('>I4Bi8I8', member)
        first_rank = first_rank or rank
        if rank == first_rank then
            ids[#ids + 1] = id
        end
    end
    return ids, first_rank and first_rank < LOWEST and '[' .. struct.pack('>I4', first_rank + 1)
end

local function ready_heads()
    local ids = {}
    for lane = 1, last_lane() do
        local from, looks = '-', 0
        while from and looks < most_priorities do
            local some
            some, from = heads_from(lane, from)
            for _, id in ipairs(some) do
                ids[#ids + 1] = id
            end
            looks = looks + 1
        end
    end
    return ids
end

local names = remembered(function(lane)
    return redis.call('HGET', LANES, lane)
end)

local function pack_heads(ids)
    local pieces = {}
    for id, task in pairs(read_tasks(ids)) do
        local head = cmsgpack.pack({tonumber(id), task[PRIORITY], task[RUN_AT], task[CREATED_AT]})
        pieces[#pieces + 1] = '\146' .. head .. names[task[LANE]]
    end
    return pack_array(pieces)
end

local late = redis.call('ZRANGEBYSCORE', SCHEDULED, '-inf', now, 'LIMIT', 0, most_late)
return '\146' .. pack_heads(ready_heads()) .. pack_heads(late)
