-- Runners that stop or die: what they hold goes back.

-- Take back what runners hold: outcome_of gives an Outcome for a task, or nil for one of another runner.
-- Few tasks run at a time, so that looking at all of them is cheaper than an index by runner.
local function take_back(outcome_of)
    local taken = {}
    for lane = 1, last_lane() do
        look_at_parts(IDS.running[lane], 'ZRANGEBYSCORE', '-inf', '+inf', function(part)
            local ids = redis.call('ZRANGE', part, 0, -1)
            for id, task in pairs(read_tasks(ids)) do
                local outcome = outcome_of(task, id)
                if outcome then
                    end_attempt(id, task, outcome)
                    write_task(id, task)
                    taken[#taken + 1] = tonumber(id)
                end
            end
        end)
    end
    flush()
    return taken
end

local function forget(runner_id)
    redis.call('ZREM', LEASES, runner_id)
    redis.call('HDEL', RUNNERS, runner_id)
    redis.call('HDEL', ABOUT, runner_id)
    redis.call('DEL', PREFIX .. 'cancels:' .. runner_id)
end
