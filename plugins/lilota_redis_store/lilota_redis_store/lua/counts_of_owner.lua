-- Return how many tasks an owner has, looking at some of them: {owner, id to begin behind}. The answer is
-- [[[queue, name], [count of each state]] for each lane, the id to go on behind or nil].
local PER_CALL = 2000 -- as long as the rest waits for this script
local owner, after_id = unpack(asked)

local ids, behind = {}, '(' .. string.format('%.0f', after_id)
look_at_parts(OWNED[owner], 'ZRANGEBYSCORE', part_of(after_id) * PART_SIZE, '+inf', function(part)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', part, behind, '+inf', 'LIMIT', 0, PER_CALL - #ids)) do
        ids[#ids + 1] = id
    end
    return #ids >= PER_CALL
end)

local counts_of = remembered(function()
    local counts = {}
    for _, state in ipairs(STATES) do
        counts[state] = 0
    end
    return counts
end)
for _, task in pairs(read_tasks(ids)) do
    local counts = counts_of[task[LANE]]
    counts[task[STATE]] = counts[task[STATE]] + 1
end

local pieces = {}
for lane, counts in pairs(counts_of) do
    local numbers = {}
    for i, state in ipairs(STATES) do
        numbers[i] = counts[state]
    end
    pieces[#pieces + 1] = '\146' .. redis.call('HGET', LANES, lane) .. cmsgpack.pack(numbers)
end
return '\146' .. pack_array(pieces) .. cmsgpack.pack(#ids >= PER_CALL and tonumber(ids[#ids]) or nil)
