-- Return [[queue, name], [count of each state]] for each lane; the indexes know their lengths.
local numbers, pieces = {}, {}
for lane = 1, last_lane() do
    numbers[lane] = lane
end
for lane, names in ipairs(read_many(LANES, numbers)) do
    local counts = {}
    for i, state in ipairs(STATES) do
        counts[i] = redis.call('ZCARD', IDS[state][lane])
    end
    pieces[lane] = '\146' .. names .. cmsgpack.pack(counts)
end
return pack_array(pieces)
