-- Add tasks, and return the id of the last: {known_id, lanes = {{queue, name}, ...}, tasks = {{lane, ...}, ...}}.
-- Ids go on behind the highest that the caller knows: after a fail-over, the server may not have heard of it.
local last = math.max(redis.call('HGET', KEYS[1], 'last_id'), asked.known_id) + #asked.tasks
redis.call('HSET', KEYS[1], 'last_id', last)
local lanes, tasks = {}, asked.tasks
for i, lane in ipairs(asked.lanes) do
    lanes[i] = lane_of(lane[1], lane[2])
end
local id = last - #tasks
for _, new in ipairs(tasks) do
    local lane, priority, run_at, delay_seconds, max_lost, description, input_json, headers_json, rest, owner =
        unpack(new)
    id = id + 1
    local task = {
        lanes[lane], false, priority, now, now, max_lost, 0, 0, 0,
        false, false, false, 0, 0, false, false,
        description, false, false
    }
    if headers_json or rest ~= 0 then
        task[HEADERS] = headers_json
    end
    set_text(id, task, INPUT, input_json)
    set_pending(id, task, run_at or after_seconds(delay_seconds))
    if rest ~= 0 then
        task[RUN_AT_REST] = rest
    end
    if owner then
        set_owner(id, task, owner)
    end
    write_task(id, task)
end
flush()
announce()
return last
