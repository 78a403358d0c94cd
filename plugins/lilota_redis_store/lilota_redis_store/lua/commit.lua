-- Write a batch of updates, those whose token is no longer current excepted, then claim: {updates, request or nil}.
write_even_if_full()
local updates, request = asked[1], asked[2]

local ids, seen = {}, {}
for _, update in ipairs(updates) do
    if not seen[update.id] then
        seen[update.id] = true
        ids[#ids + 1] = update.id
    end
end
local tasks = read_tasks(ids)

local function is_current(update)
    local task = tasks[update.id]
    return task and task[STATE] == 'running' and task[TOKEN] == update.token
end

-- How long the logs will be, of which lines may have been sent before: their reply was lost.
local lengths = remembered(function(id)
    return redis.call('LLEN', log_of(id))
end)

local function write_logs(id, log_lines, offset)
    if offset then
        log_lines = after_first(log_lines, math.max(0, lengths[id] - offset))
        lengths[id] = lengths[id] + #log_lines
    end
    for _, line in ipairs(log_lines) do
        queue('RPUSH', log_of(id), cmsgpack.pack(line))
    end
end

-- The last output and checkpoint of each attempt: only these are written.
local outputs, checkpoints = {}, {}

local function apply(update)
    local id, task = update.id, tasks[update.id]
    task[PID] = update.pid or task[PID]
    if update.started_at then
        -- The clock of the worker may be wrong.
        task[STARTED_AT] = math.max(task[CREATED_AT], math.min(math.floor(update.started_at * 1000000 + 0.5), now))
    end
    task[PROGRESS] = update.progress or task[PROGRESS]
    if update.progress_note_json then
        make_room(task, PROGRESS_NOTE)
        task[PROGRESS_NOTE] = update.progress_note_json
    end
    task[MAX_LOST] = update.max_lost_attempts or task[MAX_LOST]
    outputs[id] = update.output_json or outputs[id]
    if update.checkpoint_json then
        checkpoints[id] = update.checkpoint_json
    end
    if update.log_lines then
        write_logs(id, update.log_lines, update.log_offset)
    end
    if update.notes then
        keep_notes(id, task, update.notes)
    end
    if update.outcome then
        end_attempt(id, task, update.outcome)
    end
end

local refused, changed, has_ended = {}, {}, false
for _, update in ipairs(updates) do
    if is_current(update) then
        apply(update)
        changed[update.id] = true
        has_ended = has_ended or update.outcome ~= nil
    else
        refused[#refused + 1] = {update.id, update.token}
    end
end
for id, text in pairs(checkpoints) do
    if tasks[id][STATE] ~= 'succeeded' then
        make_room(tasks[id], CHECKPOINT)
        set_text(id, tasks[id], CHECKPOINT, text)
    end
end
for id in pairs(changed) do
    if outputs[id] then
        set_text(id, tasks[id], OUTPUT, outputs[id])
    end
    write_task(id, tasks[id])
end
flush()
if has_ended then
    announce()
end
return '\146' .. cmsgpack.pack(refused) .. (request and claim(request) or '\192')
