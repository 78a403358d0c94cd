-- What a runner holds in a lane. Few tasks run at a time, so that filtering them by runner is cheaper than an index.
SELECT id, token, lane, attempt, lost_attempts, max_lost_attempts, cancel_requested, log_count, created_at,
    run_at, has_checkpoint, headers, pid, started_at, progress
FROM tasks WHERE lane = ? AND state = 3 AND runner = ?
