-- Claims: give due tasks to a runner.

-- One claim must not stop the server because a million scheduled tasks became due in the same second.
local PROMOTIONS_PER_CLAIM = 2000

local function has_lease(runner_id)
    local expires_at = redis.call('ZSCORE', LEASES, runner_id)
    return expires_at and tonumber(expires_at) > now
end

-- Scheduled tasks whose time has come are ready.
local function promote_due()
    local due = redis.call('ZRANGEBYSCORE', SCHEDULED, '-inf', now, 'LIMIT', 0, PROMOTIONS_PER_CLAIM)
    if #due == 0 then
        return
    end
    for id, task in pairs(read_tasks(due)) do
        queue('ZADD', READY[task[LANE]], 0, ready_member(task, id))
    end
    call_many('ZREM', SCHEDULED, due)
    flush()
end

-- The lanes that a runner serves.
local function served_lanes(request)
    local queues
    if request.queues then
        queues = {}
        for _, queue_name in ipairs(request.queues) do
            queues[queue_name] = true
        end
    end
    local served = {}
    for _, packed in ipairs(read_many(NAMES, request.names)) do
        local lanes = packed and cmsgpack.unpack(packed) or {}
        for i = 1, #lanes, 2 do
            if not queues or queues[lanes[i]] then
                served[#served + 1] = lanes[i + 1]
            end
        end
    end
    return served
end

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
    for lane, count in pairs(taken) do
        redis.call('ZREMRANGEBYRANK', READY[lane], 0, count - 1)
    end
end

-- A token is the time of the claim: no two claims have the same, not even those before a loss of data.
local function grant(id, task, runner_id)
    task[ATTEMPT] = task[ATTEMPT] + 1
    task[TOKEN] = math.max(task[TOKEN] + 1, now)
    task[RUNNER] = runner_id
    task[ERROR], task[STARTED_AT], task[PID] = false, false, 0
    set_state(id, task, 'running')
    return write_task(id, task)
end

-- Give the first tasks of these lanes to a runner; returns rows, and their lanes as keys.
local function grant_first(lanes, limit, runner_id)
    local ids, lane_of_each = look_ahead(lanes, limit)
    local rows, used, seen = read_rows(ids, function(id, task)
        return task[STATE] == 'pending' and grant(id, task, runner_id) or nil
    end)
    remove_heads(lane_of_each, seen)
    flush()
    return rows, used
end

-- [[id, token], ...] of the runner's attempts that somebody cancelled.
local function cancel_requests(runner_id)
    local pairs_of = redis.call('HGETALL', PREFIX .. 'cancels:' .. runner_id)
    local fences = {}
    for i = 1, #pairs_of, 2 do
        fences[#fences + 1] = {tonumber(pairs_of[i]), tonumber(pairs_of[i + 1])}
    end
    return cmsgpack.pack(fences)
end

-- Answer a ClaimRequest of lilota.contract: [rows, lanes, cancel_requested].
local function claim(request)
    local runner_id = request.runner_id
    if not has_lease(runner_id) then
        return '\147\144\144\144'
    end
    local rows, used = {}, {}
    if request.limit > 0 then
        promote_due()
        rows, used = grant_first(served_lanes(request), request.limit, runner_id)
    end
    return '\147' .. pack_array(rows) .. pack_lanes(used) .. cancel_requests(runner_id)
end
