-- The running ones of a JSON list of ids.
SELECT id, token, lane, attempt, lost_attempts, max_lost_attempts, cancel_requested, log_count, created_at,
    run_at, has_checkpoint, headers
FROM tasks WHERE id IN (SELECT value FROM json_each(?)) AND state = 3
