-- Tell whether the last turn at a chore was long enough ago, and note this one: {chore, every_seconds}.
write_even_if_full()
local chore, every_seconds = unpack(asked)
local last_at = redis.call('HGET', PREFIX .. 'chores', chore)
if last_at and now < tonumber(last_at) + every_seconds * 1000000 then
    return 0
end
redis.call('HSET', PREFIX .. 'chores', chore, string.format('%.0f', now))
return 1
