-- Create the store unless it is there, and return what it is: its id, its schema and who may read it.
--
-- KEYS[1] "{prefix}:store"; ARGV: an id for a new store, its schema, its min_reader, the last task id that was used, and
-- the oldest schema whose records are read as they are: such a store only has to keep older programs out from now on.
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'id', ARGV[1], 'schema_version', ARGV[2], 'min_reader', ARGV[3], 'last_id', ARGV[4])
end
local version = tonumber(redis.call('HGET', KEYS[1], 'schema_version'))
if version and version >= tonumber(ARGV[5]) and version < tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[1], 'nothing') -- as write_even_if_full()
    redis.call('HSET', KEYS[1], 'schema_version', ARGV[2], 'min_reader', ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'id', 'schema_version', 'min_reader')
