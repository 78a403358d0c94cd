-- Register a runner, or renew its lease; when it started stays.
INSERT INTO runners (id, host, pid, about_json, lease_seconds, expires_at, heartbeat_at, started_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET host = excluded.host, pid = excluded.pid, about_json = excluded.about_json, lease_seconds = excluded.lease_seconds, expires_at = excluded.expires_at,
    heartbeat_at = excluded.heartbeat_at
