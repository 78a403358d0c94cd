SELECT id, host, pid, lease_seconds, (extract(epoch FROM started_at) * 1000000)::bigint,
    (extract(epoch FROM heartbeat_at) * 1000000)::bigint, expires_at <= clock_timestamp(), about
FROM {runners} ORDER BY started_at, id
