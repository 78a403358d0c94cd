-- Register a runner or renew its lease; tell whether that was in time.
INSERT INTO {runners} AS known (id, host, pid, lease_seconds, started_at, heartbeat_at, expires_at)
VALUES (
    %(runner)s, %(host)s, %(pid)s::integer, %(lease)s::double precision, clock_timestamp(), clock_timestamp(),
    clock_timestamp() + make_interval(secs => %(lease)s::double precision)
)
ON CONFLICT (id) DO UPDATE
SET was_in_time = known.expires_at > clock_timestamp(), host = excluded.host, pid = excluded.pid,
    lease_seconds = excluded.lease_seconds, heartbeat_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => excluded.lease_seconds)
RETURNING was_in_time
