-- Write tasks as another store kept them, those that exist excepted; return how many were written.
-- {lanes = {{queue, name}, ...}, tasks = {{id, record, log lines, notes}, ...}}. A record has the place of its lane in the
-- list instead of the lane's number, and its texts, however long they are.
local lanes, ids = {}, {}
for i, lane in ipairs(asked.lanes) do
    lanes[i] = lane_of(lane[1], lane[2])
end
for i, given in ipairs(asked.tasks) do
    ids[i] = given[1]
end

-- A record ends where a task has nothing more.
local function end_early(task)
    while #task >= HEADERS and not task[#task] do
        task[#task] = nil
    end
end

local known = read_ids(TASKS, ids)
local last = tonumber(redis.call('HGET', KEYS[1], 'last_id'))
local written = 0
for i, given in ipairs(asked.tasks) do
    local id, task, log_lines, notes = unpack(given)
    if not known[i] then
        local state = task[STATE]
        task[LANE], task[STATE] = lanes[task[LANE]], false
        set_state(id, task, state)
        if state == 'pending' then
            line_up(id, task)
        end
        set_text(id, task, INPUT, task[INPUT])
        if task[OUTPUT] then
            set_text(id, task, OUTPUT, task[OUTPUT])
        end
        if task[CHECKPOINT] then
            set_text(id, task, CHECKPOINT, task[CHECKPOINT])
        end
        if task[OWNER] then
            set_owner(id, task, task[OWNER])
        end
        if #notes > 0 then
            keep_notes(id, task, notes)
        end
        end_early(task)
        write_task(id, task)
        for _, line in ipairs(log_lines) do
            queue('RPUSH', log_of(id), cmsgpack.pack(line))
        end
        last = math.max(last, id)
        written = written + 1
    end
end
flush()
redis.call('HSET', KEYS[1], 'last_id', last)
if written > 0 then
    announce()
end
return written
