-- Return [id, [host, pid, lease_seconds, started_at, heartbeat_at, expires_at], about] of each runner, behind the time of
-- now. What it does not tell of itself is "".
local pairs_of = redis.call('HGETALL', RUNNERS)
local pieces = {}
for i = 1, #pairs_of, 2 do
    local about = redis.call('HGET', ABOUT, pairs_of[i]) or ''
    pieces[#pieces + 1] = '\147' .. cmsgpack.pack(pairs_of[i]) .. pairs_of[i + 1] .. cmsgpack.pack(about)
end
return '\146' .. cmsgpack.pack(now) .. pack_array(pieces)
