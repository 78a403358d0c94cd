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

-- What the names that a runner can run lead to: those that it names, and those that begin as it says.
local function lanes_of_names(request)
    local found = read_many(NAMES, request.names)
    if #request.families > 0 then
        local all = redis.call('HGETALL', NAMES)
        for i = 1, #all, 2 do
            for _, family in ipairs(request.families) do
                if string.sub(all[i], 1, #family) == family then
                    found[#found + 1] = all[i + 1]
                    break
                end
            end
        end
    end
    return found
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
    for _, packed in ipairs(lanes_of_names(request)) do
        local lanes = packed and cmsgpack.unpack(packed) or {}
        for i = 1, #lanes, 2 do
            if not queues or queues[lanes[i]] then
                served[#served + 1] = lanes[i + 1]
            end
        end
    end
    return served
end

-- A token is the time of the claim: no two claims have the same, not even those before a loss of data. Modulo 50 it is
-- the next one, so that no attempt takes the place of another in the ring of the history.
local function grant(id, task, runner_id)
    task[ATTEMPT] = task[ATTEMPT] + 1
    task[TOKEN] = task[TOKEN] + 1 + 50 * math.ceil(math.max(now - task[TOKEN] - 1, 0) / 50)
    task[RUNNER] = runner_id
    task[ERROR], task[STARTED_AT], task[PID], task[PROGRESS] = false, false, 0, 0
    if task[PROGRESS_NOTE] then
        task[PROGRESS_NOTE] = false
    end
    set_state(id, task, 'running')
    return write_task(id, task)
end

-- The lengths of the logs of these tasks, 0 if none has one: most that are claimed have not, which takes one command.
local function log_lengths(ids)
    local lengths, keys, existing = {}, {}, 0
    for i, id in ipairs(ids) do
        lengths[id], keys[i] = 0, log_of(id)
    end
    in_portions(keys, function(...)
        existing = existing + redis.call('EXISTS', ...)
    end)
    for i = 1, existing > 0 and #ids or 0 do
        lengths[ids[i]] = redis.call('LLEN', keys[i])
    end
    return lengths
end

-- Give the first tasks of these lanes to a runner; returns rows, and their lanes as keys.
local function grant_first(lanes, limit, runner_id)
    local ids, lane_of_each = look_ahead(lanes, limit)
    local lengths = log_lengths(ids)
    local rows, used, seen = read_rows(ids, function(id, task)
        if task[STATE] == 'pending' then
            return grant(id, task, runner_id), lengths[id]
        end
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
