-- Return one page of the tasks that match a TaskQuery of lilota.contract.

local function as_set(values)
    if not values then
        return nil
    end
    local set = {}
    for _, value in ipairs(values) do
        set[value] = true
    end
    return set
end

local names, queues, states = as_set(asked.names), as_set(asked.queues), as_set(asked.states)

-- The numbers of the lanes that match.
local function matching_lanes()
    local numbers, matching = {}, {}
    for lane = 1, last_lane() do
        numbers[lane] = lane
    end
    if not names and not queues then
        return numbers
    end
    for lane, packed in ipairs(read_many(LANES, numbers)) do
        local queue_name, name = unpack(cmsgpack.unpack(packed))
        if (not names or names[name]) and (not queues or queues[queue_name]) then
            matching[#matching + 1] = lane
        end
    end
    return matching
end

-- Merge two lists that are in order, up to the limit.
local function merge(ids, page)
    local merged, i, j = {}, 1, 1
    while #merged < asked.limit and (ids[i] or page[j]) do
        local one, other = ids[i], page[j]
        if not other or (one and (one > other) == asked.newest_first) then
            merged[#merged + 1], i = one, i + 1
        else
            merged[#merged + 1], j = other, j + 1
        end
    end
    return merged
end

-- The direction of travel.
local COMMAND, FIRST, LAST = 'ZRANGEBYSCORE', '-inf', '+inf'
if asked.newest_first then
    COMMAND, FIRST, LAST = 'ZREVRANGEBYSCORE', '+inf', '-inf'
end
if asked.after_id then
    FIRST = '(' .. string.format('%.0f', asked.after_id)
end

-- Where the parts of an index begin that have ids from FIRST on to a bound. A part begins at its lowest id.
local function range_of_parts(bound)
    if asked.newest_first then
        return FIRST, bound and part_of(bound) * PART_SIZE or LAST
    end
    return asked.after_id and part_of(asked.after_id) * PART_SIZE or FIRST, bound or LAST
end

-- Up to `limit` ids of a lane in a state behind `after_id`, not further than `bound`.
local function page_of(lane, state, bound)
    local page, first, last = {}, range_of_parts(bound)
    look_at_parts(IDS[state][lane], COMMAND, first, last, function(part)
        for _, id in ipairs(redis.call(COMMAND, part, FIRST, bound or LAST, 'LIMIT', 0, asked.limit - #page)) do
            page[#page + 1] = tonumber(id)
        end
        return #page >= asked.limit
    end)
    return page
end

-- Merge the pages of all lanes and states: no more of each is read than can be on the page.
local function ids_in_lanes()
    local ids = {}
    for _, lane in ipairs(matching_lanes()) do
        for _, state in ipairs(STATES) do
            local page = (not states or states[state]) and page_of(lane, state, ids[asked.limit]) or {}
            if #page > 0 then
                ids = merge(ids, page)
            end
        end
    end
    return ids
end

-- The listed ids, which are in order and behind `after_id`, whose tasks match.
local function listed_ids()
    local lanes, ids = as_set(matching_lanes()), {}
    for i, packed in ipairs(read_ids(TASKS, asked.ids)) do
        local task = packed and cmsgpack.unpack(packed)
        if task and lanes[task[LANE]] and (not states or states[task[STATE]]) and #ids < asked.limit then
            ids[#ids + 1] = asked.ids[i]
        end
    end
    return ids
end

return pack_tasks(asked.ids and listed_ids() or ids_in_lanes())
