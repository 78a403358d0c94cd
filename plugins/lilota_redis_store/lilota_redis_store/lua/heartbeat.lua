-- Register a runner or renew its lease; 0 if it was not known.
write_even_if_full()
local packed = redis.call('HGET', RUNNERS, asked.id)
local started_at = now
if packed then
    started_at = cmsgpack.unpack(packed)[4]
end
local expires_at = after_seconds(asked.lease_seconds)
redis.call('ZADD', LEASES, expires_at, asked.id)
local about = {asked.host, asked.pid, asked.lease_seconds, started_at, now, expires_at}
redis.call('HSET', RUNNERS, asked.id, cmsgpack.pack(about))
if asked.about_json then
    redis.call('HSET', ABOUT, asked.id, asked.about_json)
else
    redis.call('HDEL', ABOUT, asked.id)
end
return packed and 1 or 0
