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

local function outcome_of(task, id)
    if not told_of[task[RUNNER]] then
        return nil
    end
    log_the_loss(id, task)
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
