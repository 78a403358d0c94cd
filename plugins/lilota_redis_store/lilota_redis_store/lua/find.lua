-- Return one page of the tasks that match a TaskQuery of lilota.contract: [id to go on behind or nil, tasks]. There is an
-- id where an owner has more tasks than one call looks at, and the page is not full yet.

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

-- Up to `limit` ids of an index behind `after_id`, not further than `bound`.
local function page_of(index, limit, bound)
    local page, first, last = {}, range_of_parts(bound)
    look_at_parts(index, COMMAND, first, last, function(part)
        for _, id in ipairs(redis.call(COMMAND, part, FIRST, bound or LAST, 'LIMIT', 0, limit - #page)) do
            page[#page + 1] = tonumber(id)
        end
        return #page >= limit
    end)
    return page
end

-- Merge the pages of all lanes and states: no more of each is read than can be on the page.
local function ids_in_lanes()
    local ids = {}
    for _, lane in ipairs(matching_lanes()) do
        for _, state in ipairs(STATES) do
            if not states or states[state] then
                local page = page_of(IDS[state][lane], asked.limit, ids[asked.limit])
                ids = #page > 0 and merge(ids, page) or ids
            end
        end
    end
    return ids
end

-- Those of these ids, which are in order and behind `after_id`, whose tasks match.
local function matching_ids(ids)
    local lanes, matching = as_set(matching_lanes()), {}
    for i, packed in ipairs(read_ids(TASKS, ids)) do
        local task = packed and cmsgpack.unpack(packed)
        if task and lanes[task[LANE]] and (not states or states[task[STATE]])
            and (not asked.owner or task[OWNER] == asked.owner) and #matching < asked.limit then
            matching[#matching + 1] = ids[i]
        end
    end
    return matching
end

-- The owner's tasks that match among those that one call looks at.
local LOOKED_AT = 1000

local function ids_of_owner()
    local is_narrowed = names or queues or states
    local number = is_narrowed and LOOKED_AT or asked.limit
    local looked_at = page_of(OWNED[asked.owner], number)
    local ids = matching_ids(looked_at)
    return ids, #looked_at >= number and #ids < asked.limit and looked_at[#looked_at] or nil
end

local ids, behind
if asked.ids then
    ids = matching_ids(asked.ids)
elseif asked.owner then
    ids, behind = ids_of_owner()
else
    ids = ids_in_lanes()
end
return '\146' .. cmsgpack.pack(behind) .. pack_tasks(ids, asked.brief)
