-- Tasks: how one is stored, and the indexes that follow every change of its state.

-- The places in a task's record, which is one value of the hash "tasks"; records.py names the same.
local LANE, STATE, PRIORITY, RUN_AT, CREATED_AT, MAX_LOST, ATTEMPT, TOKEN, LOST = 1, 2, 3, 4, 5, 6, 7, 8, 9
local CANCEL, STARTED_AT, FINISHED_AT, PID, PROGRESS, RUNNER, ERROR = 10, 11, 12, 13, 14, 15, 16
local DESCRIPTION, INPUT, OUTPUT = 17, 18, 19

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

-- Puts names together once and not for each task: that is a good part of the time of a script.
local function remembered(make)
    return setmetatable({}, {
        __index = function(made, part)
            made[part] = make(part)
            return made[part]
        end
    })
end

-- IDS[state][lane]: the ids of a lane's tasks in one state, for pages and counts.
local IDS = remembered(function(state)
    return remembered(function(lane)
        return PREFIX .. 'ids:' .. lane .. ':' .. state
    end)
end)

-- READY[lane]: the line of tasks that can be claimed.
local READY = remembered(function(lane)
    return PREFIX .. 'ready:' .. lane
end)

-- Sorts as bytes in the order of claims: higher priority, earlier run_at (a negative one first), lower id.
local function ready_member(task, id)
    local run_at = task[RUN_AT]
    return struct.pack('>I4Bi8I8', 2147483647 - task[PRIORITY], run_at < 0 and 0 or 1, run_at, id)
end

-- Read records; the answer has those that exist, by id.
local function read_tasks(ids)
    local packed = read_many(TASKS, ids)
    local tasks = {}
    for i = 1, #ids do
        if packed[i] then
            tasks[ids[i]] = cmsgpack.unpack(packed[i])
        end
    end
    return tasks
end

-- Have the record written by flush(); returns it as it is stored.
local function write_task(id, task)
    local packed = cmsgpack.pack(task)
    queue('HSET', TASKS, id, packed)
    return packed
end

-- Note a change of state in the record and in the indexes of states; a new task comes from none.
local function set_state(id, task, state)
    local lane, before = task[LANE], task[STATE]
    if before then
        queue('ZREM', IDS[before][lane], id)
        if ENDS[before] then
            queue('ZREM', PREFIX .. 'ended:' .. before, id)
        end
    end
    queue('ZADD', IDS[state][lane], id, id)
    if ENDS[state] then
        queue('ZADD', PREFIX .. 'ended:' .. state, task[FINISHED_AT], id)
    end
    task[STATE] = state
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

local function set_ended(id, task, state)
    task[FINISHED_AT] = now
    set_state(id, task, state)
end

local function set_pending(id, task, run_at)
    task[RUN_AT] = run_at
    set_state(id, task, 'pending')
    line_up(id, task)
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
        local delay = outcome.delay_seconds or 0
        set_pending(id, task, delay > 0 and after_seconds(delay) or now)
    end
end

-- [[lane, [queue, name]], ...] of the lanes that are keys of the table.
local function pack_lanes(used)
    local numbers, pieces = {}, {}
    for lane in pairs(used) do
        numbers[#numbers + 1] = lane
    end
    local names = read_many(LANES, numbers)
    for i = 1, #numbers do
        pieces[i] = '\146' .. cmsgpack.pack(numbers[i]) .. names[i]
    end
    return pack_array(pieces)
end

-- From this many bytes on, an input or output is kept apart: it would be copied with every change of the record.
local LONG_TEXT = 1000

-- Set an input or output: the record has the text, or true if it is kept apart.
local function set_text(id, task, place, text)
    local apart = place == INPUT and INPUTS or OUTPUTS
    if #text >= LONG_TEXT then
        queue('HSET', apart, id, text)
        task[place] = true
    else
        if task[place] == true then
            queue('HDEL', apart, id)
        end
        task[place] = text
    end
end

-- A text that is kept apart, packed; nil for one that is in the record, or that there is not.
local function pack_long_text(id, task, place)
    if task[place] ~= true then
        return '\192'
    end
    return cmsgpack.pack(redis.call('HGET', place == INPUT and INPUTS or OUTPUTS, id))
end

-- A reply must not fill the memory of the server, however large the texts are: the rest is left to the next call.
local MOST_BYTES = 64 * 1024 * 1024

-- Rows for a reply, [id, record, long input or nil, long output or nil], already packed.
-- convert(id, task, packed) returns the record to show, packed, or nil for a task that is left out.
-- Also returns the lanes of the rows, as keys, and how many of the ids were looked at.
local function read_rows(ids, convert)
    local records, rows, used, bytes = read_many(TASKS, ids), {}, {}, 0
    for i, id in ipairs(ids) do
        local task = records[i] and cmsgpack.unpack(records[i])
        local record = task and convert(id, task, records[i])
        if record then
            local texts = pack_long_text(id, task, INPUT) .. pack_long_text(id, task, OUTPUT)
            local row = '\148' .. cmsgpack.pack(id) .. record .. texts
            rows[#rows + 1], used[task[LANE]], bytes = row, true, bytes + #row
        end
        if bytes > MOST_BYTES then
            return rows, used, i
        end
    end
    return rows, used, #ids
end

local function after_first(list, number)
    local rest = {}
    for i = number + 1, #list do
        rest[#rest + 1] = list[i]
    end
    return rest
end

-- [rows, lanes, ids that are left] of the tasks that exist among these ids, in this order.
local function pack_tasks(ids)
    local rows, used, seen = read_rows(ids, function(_, _, packed)
        return packed
    end)
    return '\147' .. pack_array(rows) .. pack_lanes(used) .. cmsgpack.pack(after_first(ids, seen))
end
