-- Take back what runners with an expired lease hold, forget those runners, and return the ids of the tasks.
-- Only of the runners that are asked for, or of all (nil).
local expired = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now)
local is_meant = {}
for _, runner_id in ipairs(asked or expired) do
    is_meant[runner_id] = true
end
local dead, is_dead = {}, {}
for _, runner_id in ipairs(expired) do
    if is_meant[runner_id] then
        dead[#dead + 1] = runner_id
        is_dead[runner_id] = true
    end
end
if #dead == 0 then
    return cmsgpack.pack({})
end

local function outcome_of(task)
    if not is_dead[task[RUNNER]] then
        return nil
    end
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
