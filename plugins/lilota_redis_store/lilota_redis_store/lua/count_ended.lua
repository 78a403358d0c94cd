-- Return how many tasks ended between each two edges, up to a limit, for one state after the other: {edges, states, limit}.
local edges, states, limit = unpack(asked)
for place, edge in ipairs(edges) do
    edges[place] = string.format('%.0f', edge)
end
local number_of_bars = #edges - 1

local function count_between(part, first, last)
    return redis.call('ZCOUNT', part, edges[first], '(' .. edges[last])
end

local counts = {}
for _, state in ipairs(states) do
    local before, full = #counts, 0
    for bar = 1, number_of_bars do
        counts[before + bar] = 0
    end
    -- The newest parts first: they fill the bars of a busy store, and the others need not be looked at.
    look_at_parts(ENDED[state], 'ZREVRANGEBYSCORE', '(' .. edges[#edges], '-inf', function(part)
        local left = count_between(part, 1, #edges)
        for bar = number_of_bars, 1, -1 do
            local place = before + bar
            if left > 0 and counts[place] < limit then
                local number = count_between(part, bar, bar + 1)
                counts[place] = math.min(limit, counts[place] + number)
                left = left - number
                full = full + (counts[place] == limit and 1 or 0)
            end
        end
        return full == number_of_bars
    end)
end
return counts
