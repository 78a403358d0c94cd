-- Records: how a task is stored, and its texts.

-- The places in a task's record, which is one value of the hash TASKS; records.py names the same.
local LANE, STATE, PRIORITY, RUN_AT, CREATED_AT, MAX_LOST, ATTEMPT, TOKEN, LOST = 1, 2, 3, 4, 5, 6, 7, 8, 9
local CANCEL, STARTED_AT, FINISHED_AT, PID, PROGRESS, RUNNER, ERROR = 10, 11, 12, 13, 14, 15, 16
local DESCRIPTION, INPUT, OUTPUT = 17, 18, 19
-- Headers may be missing, or false, so they come late; short or long, they stay in the record, so that they go where it goes.
local HEADERS = 20
-- By how many microseconds RUN_AT misses the instant that was given, which may be centuries away; see 01_store.lua.
local RUN_AT_REST = 21
-- These come late, as most tasks have none of them: whose it is, what the newest attempt says beside the progress, from
-- where the next one goes on, and whether there are notes.
local OWNER, PROGRESS_NOTE, CHECKPOINT, HAS_NOTES = 22, 23, 24, 25

-- Read records; the answer has those that exist, by id.
local function read_tasks(ids)
    local packed = read_ids(TASKS, ids)
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
    queue('HSET', TASKS[part_of(id)], id, packed)
    return packed
end

-- Have all places up to this one before it is set: a hole would make a map of the record.
local function make_room(task, place)
    for late = HEADERS, place do
        task[late] = task[late] or false
    end
end

-- From this many bytes on, a text is kept apart: it would be copied with every change of the record.
local LONG_TEXT = 1000
local APART = {
    [INPUT] = hash_in_parts('inputs'), [OUTPUT] = hash_in_parts('outputs'), [CHECKPOINT] = hash_in_parts('checkpoints')
}

-- Set a text: the record has it, or true if it is kept apart.
local function set_text(id, task, place, text)
    local apart = APART[place][part_of(id)]
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
