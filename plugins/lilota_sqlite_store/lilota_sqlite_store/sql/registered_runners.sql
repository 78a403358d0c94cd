-- All runners: the instant of now comes first. A lilota that knows only the first schema writes neither when it
-- started nor when it was heard of, but the end of its lease tells the latter.
SELECT id, host, pid, lease_seconds, coalesce(started_at, heartbeat_at, expires_at - lease_seconds),
    coalesce(heartbeat_at, expires_at - lease_seconds), expires_at <= ?
FROM runners
