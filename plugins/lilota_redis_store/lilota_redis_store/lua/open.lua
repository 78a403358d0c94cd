-- Create the store unless it is there, and return what it is: its id, its schema and who may read it.
--
-- KEYS[1] "{prefix}:store"; ARGV: an id for a new store, its schema, its min_reader, the last task id that was used.
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'id', ARGV[1], 'schema_version', ARGV[2], 'min_reader', ARGV[3], 'last_id', ARGV[4])
end
return redis.call('HMGET', KEYS[1], 'id', 'schema_version', 'min_reader')
