-- Lines: the tasks of a lane that can be claimed, in order; of several lanes, merged.

-- The line of one lane, read page by page. Its head is compared as numbers: Lua compares strings by the language of the
-- server's system, not by their bytes.
local function next_of(line)
    local place = line.taken % line.page + 1
    if place == 1 then
        line.members = redis.call('ZRANGE', READY[line.lane], line.taken, line.taken + line.page - 1)
    end
    local member = line.members[place]
    if member then
        line.rank, line.is_after_epoch, line.run_at, line.id = struct.unpack('>I4Bi8I8', member)
    end
    return member
end

local function goes_first(one, other)
    if one.rank ~= other.rank then
        return one.rank < other.rank
    elseif one.run_at ~= other.run_at then
        return one.run_at < other.run_at
    end
    return one.id < other.id
end

-- Let the line at a place of the heap sink below those that go first.
local function sink(heap, place)
    while true do
        local first = place
        for child = 2 * place, 2 * place + 1 do
            if heap[child] and goes_first(heap[child], heap[first]) then
                first = child
            end
        end
        if first == place then
            return
        end
        heap[place], heap[first] = heap[first], heap[place]
        place = first
    end
end

-- Lines that have something, the first at the top of a heap.
local function open_lines(lanes, page)
    local heap = {}
    for _, lane in ipairs(lanes) do
        local line = {lane = lane, taken = 0, page = page}
        if next_of(line) then
            heap[#heap + 1] = line
        end
    end
    for place = math.floor(#heap / 2), 1, -1 do
        sink(heap, place)
    end
    return heap
end

-- The first `limit` tasks of all lanes in the order of claims, and the lane of each. They stay in their lines.
local function look_ahead(lanes, limit)
    -- Of many lanes, each gives only some.
    local page = math.min(limit, math.max(10, math.ceil(2 * limit / #lanes)))
    local heap, ids, lane_of_each = open_lines(lanes, page), {}, {}
    while heap[1] and #ids < limit do
        local line = heap[1]
        ids[#ids + 1], lane_of_each[#ids + 1] = line.id, line.lane
        line.taken = line.taken + 1
        if not next_of(line) then
            heap[1] = heap[#heap]
            heap[#heap] = nil
        end
        sink(heap, 1)
    end
    return ids, lane_of_each
end

-- Take tasks out of their lines, of each as many from its beginning as are named.
local function remove_heads(lane_of_each, number)
    local taken = {}
    for i = 1, number do
        taken[lane_of_each[i]] = (taken[lane_of_each[i]] or 0) + 1
    end
    for lane, heads in pairs(taken) do
        redis.call('ZREMRANGEBYRANK', READY[lane], 0, heads - 1)
    end
end
