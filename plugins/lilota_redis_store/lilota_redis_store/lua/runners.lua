-- Return [id, [host, pid, lease_seconds, started_at, heartbeat_at, expires_at]] of each runner, behind the time of now.
local pairs_of = redis.call('HGETALL', RUNNERS)
local pieces = {}
for i = 1, #pairs_of, 2 do
    pieces[#pieces + 1] = '\146' .. cmsgpack.pack(pairs_of[i]) .. pairs_of[i + 1]
end
return '\146' .. cmsgpack.pack(now) .. pack_array(pieces)
