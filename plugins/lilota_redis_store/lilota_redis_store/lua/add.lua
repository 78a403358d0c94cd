-- Add tasks, and return the id of the last: {lanes = {{queue, name}, ...}, tasks = {{lane, ...}, ...}}.
local lanes, tasks = {}, asked.tasks
for i, lane in ipairs(asked.lanes) do
    lanes[i] = lane_of(lane[1], lane[2])
end
local last = redis.call('HINCRBY', KEYS[1], 'last_id', #tasks)
local id = last - #tasks
for _, new in ipairs(tasks) do
    local lane, priority, run_at, delay_seconds, max_lost, description, input_json = unpack(new)
    id = id + 1
    local task = {
        lanes[lane], false, priority, now, now, max_lost, 0, 0, 0,
        false, false, false, 0, 0, false, false,
        description, false, false
    }
    set_text(id, task, INPUT, input_json)
    set_pending(id, task, run_at or after_seconds(delay_seconds))
    write_task(id, task)
end
flush()
announce()
return last
