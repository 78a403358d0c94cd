-- Register a runner or renew its lease; tell whether it was known. (The column has its name from a time when a lease
-- that had expired made the difference, though nobody may have taken anything.)
INSERT INTO {runners} (id, host, pid, about, lease_seconds, started_at, heartbeat_at, was_in_time, expires_at)
VALUES (
    %(runner)s, %(host)s, %(pid)s::integer, %(about)s, %(lease)s::double precision, clock_timestamp(),
    clock_timestamp(), false, clock_timestamp() + make_interval(secs => %(lease)s::double precision)
)
ON CONFLICT (id) DO UPDATE
SET was_in_time = true, host = excluded.host, pid = excluded.pid, about = excluded.about,
    lease_seconds = excluded.lease_seconds, heartbeat_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => excluded.lease_seconds)
RETURNING was_in_time
