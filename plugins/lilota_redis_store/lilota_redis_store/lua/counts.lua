-- Return [[queue, name], [count of each state]] for each lane.
local numbers, fields, pieces = {}, {}, {}
for lane = 1, last_lane() do
    numbers[lane] = lane
    for _, state in ipairs(STATES) do
        fields[#fields + 1] = IDS[state][lane].name
    end
end
local counts = read_many(COUNTS, fields)
for lane, names in ipairs(read_many(LANES, numbers)) do
    local counts_of_lane = {}
    for i = 1, #STATES do
        counts_of_lane[i] = tonumber(counts[(lane - 1) * #STATES + i] or 0)
    end
    pieces[lane] = '\146' .. names .. cmsgpack.pack(counts_of_lane)
end
return pack_array(pieces)
