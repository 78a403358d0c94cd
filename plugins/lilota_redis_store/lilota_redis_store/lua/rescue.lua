-- Take back what runners with an expired lease hold, forget those runners, and return the ids of the tasks.
local expired = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now)
if #expired == 0 then
    return cmsgpack.pack({})
end
local is_expired = {}
for _, runner_id in ipairs(expired) do
    is_expired[runner_id] = true
end

local function outcome_of(task)
    if not is_expired[task[RUNNER]] then
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
for _, runner_id in ipairs(expired) do
    forget(runner_id)
end
if #taken > 0 then
    announce()
end
return cmsgpack.pack(taken)
