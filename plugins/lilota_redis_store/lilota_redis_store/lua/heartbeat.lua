-- Register a runner or renew its lease; 0 if the lease had expired.
write_even_if_full()
local in_time = 1
local packed = redis.call('HGET', RUNNERS, asked.id)
local started_at = now
if packed then
    in_time = has_lease(asked.id) and 1 or 0
    started_at = cmsgpack.unpack(packed)[4]
end
local expires_at = after_seconds(asked.lease_seconds)
redis.call('ZADD', LEASES, expires_at, asked.id)
local about = {asked.host, asked.pid, asked.lease_seconds, started_at, now, expires_at}
redis.call('HSET', RUNNERS, asked.id, cmsgpack.pack(about))
return in_time
