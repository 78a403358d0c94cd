-- Return the newest tasks that succeeded of each of several names: [[[id, started_at or false, finished_at], ...], ...] in
-- the order of the names, each queue for itself. {names, limit}
local names, limit = unpack(asked)

local function newest_in(lane)
    local ids = {}
    look_at_parts(IDS.succeeded[lane], 'ZREVRANGEBYSCORE', '+inf', '-inf', function(part)
        for _, id in ipairs(redis.call('ZREVRANGE', part, 0, limit - #ids - 1)) do
            ids[#ids + 1] = tonumber(id)
        end
        return #ids >= limit
    end)
    return ids
end

local pieces = {}
for i, packed in ipairs(read_many(NAMES, names)) do
    local lanes, rows = packed and cmsgpack.unpack(packed) or {}, {}
    for place = 2, limit > 0 and #lanes or 0, 2 do
        for id, task in pairs(read_tasks(newest_in(lanes[place]))) do
            rows[#rows + 1] = cmsgpack.pack({id, task[STARTED_AT], task[FINISHED_AT]})
        end
    end
    pieces[i] = pack_array(rows)
end
return pack_array(pieces)
