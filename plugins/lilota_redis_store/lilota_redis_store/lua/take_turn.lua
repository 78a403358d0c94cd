-- Tell whether the last turn at a chore was long enough ago, and note this one: {chore, every_seconds}.
write_even_if_full()
local chore, every_seconds = unpack(asked)
local last_at = redis.call('HGET', PREFIX .. 'chores', chore)
-- The distance, not the age: a clock that was set back must not stop a chore until it has caught up.
if last_at and math.abs(now - tonumber(last_at)) < every_seconds * 1000000 then
    return 0
end
redis.call('HSET', PREFIX .. 'chores', chore, string.format('%.0f', now))
return 1
