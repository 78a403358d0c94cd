-- Take back what runners with an expired lease hold, forget those runners, and return the ids of the tasks.
-- Only of the runners that are asked for, or of all (nil).
local expired = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now)
local is_meant = {}
for _, runner_id in ipairs(asked or expired) do
    is_meant[runner_id] = true
end
local dead, told_of = {}, {}
for _, runner_id in ipairs(expired) do
    if is_meant[runner_id] then
        dead[#dead + 1] = runner_id
        told_of[runner_id] = cmsgpack.unpack(redis.call('HGET', RUNNERS, runner_id))
    end
end
if #dead == 0 then
    return cmsgpack.pack({})
end

local function log_the_loss(id, task)
    local told = told_of[task[RUNNER]]
    local text = 'Attempt ' .. task[ATTEMPT] .. ' was lost on ' .. told[1] .. ' (runner ' .. task[RUNNER] .. ', process '
        .. told[2] .. '). The runner stopped renewing its lease.'
    local line = {at = now / 1000000, text = text, level = 30, source = 'lilota', attempt = task[ATTEMPT]}
    queue('RPUSH', log_of(id), cmsgpack.pack(line))
end

-- As rules.rescue_note says it. cjson would cut the digits of a token.
local NOTE = '{"token":%.0f,"attempt":%d,"outcome":"lost","runner_id":%s,"host":%s,"pid":%d,"started_at":%s,'
    .. '"ended_at":%.6f,"error":{"type":"RunnerDied","message":%s},"progress":%.17g}'

local function note_the_loss(id, task)
    local message = 'The runner ' .. task[RUNNER] .. ' stopped renewing its lease.'
    local value = string.format(NOTE, task[TOKEN], task[ATTEMPT], cjson.encode(task[RUNNER]),
        cjson.encode(told_of[task[RUNNER]][1]), task[PID],
        task[STARTED_AT] and string.format('%.6f', task[STARTED_AT] / 1000000) or 'null',
        now / 1000000, cjson.encode(message), task[PROGRESS])
    -- The note of an attempt replaces that of the one 50 before it, as history.py has it.
    local name = string.format('%02d', task[TOKEN] % 50)
    keep_notes(id, task, {{kind = 'attempt', name = name, value_json = value, attempt = task[ATTEMPT]}})
end

local function outcome_of(task, id)
    if not told_of[task[RUNNER]] then
        return nil
    end
    log_the_loss(id, task)
    note_the_loss(id, task)
    local lost = task[LOST] + 1
    if task[CANCEL] or lost < task[MAX_LOST] then
        return {state = 'pending', lost = true}
    end
    local message = 'The runner ' .. task[RUNNER] .. ' stopped renewing its lease; attempts lost: ' .. lost .. '.'
    return {state = 'failed', lost = true, error = {type = 'RunnerDied', message = message}}
end

write_even_if_full()
local taken = take_back(outcome_of)
for _, runner_id in ipairs(dead) do
    forget(runner_id)
end
if #taken > 0 then
    announce()
end
return cmsgpack.pack(taken)
