-- Tasks: the indexes that follow every change of a task's state, and how an attempt ends.

local STATES = {'waiting', 'pending', 'running', 'succeeded', 'failed', 'cancelled'}
local ENDS = {succeeded = true, failed = true, cancelled = true}

-- The tasks of one name in one queue are a lane. Its number never changes.
local function lane_of(queue_name, name)
    local packed = redis.call('HGET', NAMES, name)
    local lanes = packed and cmsgpack.unpack(packed) or {}
    for i = 1, #lanes, 2 do
        if lanes[i] == queue_name then
            return lanes[i + 1]
        end
    end
    local lane = redis.call('HINCRBY', KEYS[1], 'last_lane', 1)
    lanes[#lanes + 1] = queue_name
    lanes[#lanes + 1] = lane
    redis.call('HSET', NAMES, name, cmsgpack.pack(lanes))
    redis.call('HSET', LANES, lane, cmsgpack.pack({queue_name, name}))
    return lane
end

local function last_lane()
    return tonumber(redis.call('HGET', KEYS[1], 'last_lane') or 0)
end

-- IDS[state][lane]: the ids of a lane's tasks in one state, for pages and counts.
local IDS = remembered(function(state)
    return remembered(function(lane)
        return index_in_parts('ids:' .. lane .. ':' .. state)
    end)
end)

-- ENDED[state]: ids by the end, for prune.
local ENDED = remembered(function(state)
    return index_in_parts('ended:' .. state)
end)

-- READY[lane]: the line of tasks that can be claimed.
local READY = remembered(function(lane)
    return PREFIX .. 'ready:' .. lane
end)

-- The list of a task's log lines.
local function log_of(id)
    return PREFIX .. 'logs:' .. id
end

-- Sorts as bytes in the order of claims: higher priority, earlier run_at (a negative one first), lower id.
local function ready_member(task, id)
    local run_at = task[RUN_AT]
    return struct.pack('>I4Bi8I8', 2147483647 - task[PRIORITY], run_at < 0 and 0 or 1, run_at, id)
end

-- Have the indexes take in a task, or give it away.
local function enter_state(id, task, state)
    local part, index = part_of(id), IDS[state][task[LANE]]
    queue('ZADD', index[part], id, id)
    count(index, 1)
    if ENDS[state] then
        queue('ZADD', ENDED[state][part], task[FINISHED_AT], id)
    end
    task[STATE] = state
end

local function leave_state(id, task)
    local part, index = part_of(id), IDS[task[STATE]][task[LANE]]
    queue('ZREM', index[part], id)
    count(index, -1)
    if ENDS[task[STATE]] then
        queue('ZREM', ENDED[task[STATE]][part], id)
    end
end

-- Note a change of state in the record and in the indexes of states; a new task comes from none.
local function set_state(id, task, state)
    if task[STATE] then
        leave_state(id, task)
    end
    enter_state(id, task, state)
end

-- Have a pending task wait for its time, or for the next claim.
local function line_up(id, task)
    if task[RUN_AT] <= now then
        queue('ZADD', READY[task[LANE]], 0, ready_member(task, id))
    else
        queue('ZADD', SCHEDULED, task[RUN_AT], id)
    end
end

local function leave_line(id, task)
    queue('ZREM', SCHEDULED, id)
    queue('ZREM', READY[task[LANE]], ready_member(task, id))
end

-- Headers with this text have the input forgotten, as rules.forgets_input says it.
local FORGETS_INPUT = '"lilota.keep_input":false'

local function set_ended(id, task, state)
    task[FINISHED_AT] = now
    if task[HEADERS] and string.find(task[HEADERS], FORGETS_INPUT, 1, true) then
        set_text(id, task, INPUT, '{}')
    end
    set_state(id, task, state)
end

local function set_pending(id, task, run_at)
    if task[RUN_AT_REST] and task[RUN_AT] ~= run_at then
        task[RUN_AT_REST] = false
    end
    task[RUN_AT] = run_at
    set_state(id, task, 'pending')
    line_up(id, task)
end

-- As rules.due_again_at says it.
local function due_again_at(task, outcome)
    local delay = outcome.delay_seconds or 0
    if delay > 0 then
        return after_seconds(delay)
    end
    local keeps_place = outcome.spends_attempt == false and not outcome.error
    return keeps_place and math.min(task[RUN_AT], now) or now
end

-- The end of an attempt: an Outcome of lilota.models, as MessagePack gives it (without its defaults).
local function end_attempt(id, task, outcome)
    if task[CANCEL] then
        redis.call('HDEL', PREFIX .. 'cancels:' .. task[RUNNER], id)
    end
    if outcome.spends_attempt == false then
        task[ATTEMPT] = task[ATTEMPT] - 1
    end
    if outcome.lost then
        task[LOST] = task[LOST] + 1
    end
    task[ERROR] = outcome.error or false
    if outcome.state ~= 'pending' then
        set_ended(id, task, outcome.state)
    elseif task[CANCEL] then
        set_ended(id, task, 'cancelled')
    else
        set_pending(id, task, due_again_at(task, outcome))
    end
    if task[STATE] == 'succeeded' and task[CHECKPOINT] then
        set_text(id, task, CHECKPOINT, '')
        task[CHECKPOINT] = false
    end
end
