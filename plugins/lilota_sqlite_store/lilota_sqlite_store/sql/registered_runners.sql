-- All runners: the instant of now comes first.
SELECT id, host, pid, lease_seconds, started_at, heartbeat_at, expires_at <= ?, about_json FROM runners
