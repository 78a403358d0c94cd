-- Make a failed or cancelled task pending as if it were new; the state that it had. Its token goes on, so that old
-- claims stay old.
WITH found AS (
    SELECT id, state, attempt FROM {tasks} WHERE id = %(id)s::bigint FOR UPDATE
), retried AS (
    UPDATE {tasks} AS task
    SET state = 2, run_at = statement_timestamp(), started_at = NULL, finished_at = NULL, attempt = 0,
        lost_attempts = 0, pid = 0, progress = 0, cancel_requested = false, log_count = task.log_count + 1,
        runner = NULL, error = NULL, progress_note = NULL
    FROM found WHERE task.id = found.id AND task.state + 0 IN (5, 6)
    RETURNING task.id, task.lane, task.log_count, found.state AS old_state, found.attempt AS old_attempt
), line AS (
    INSERT INTO {log_lines} (task_id, n, level, at, attempt, source, logger, text)
    SELECT id, log_count, 20, extract(epoch FROM statement_timestamp())::double precision, old_attempt, 'lilota', '',
        'Retried by a user after it was ' || CASE old_state WHEN 5 THEN 'failed' ELSE 'cancelled' END || '.'
    FROM retried
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT lane, old_state, -1 FROM retried UNION ALL SELECT lane, 2, 1 FROM retried
)
SELECT state FROM found
