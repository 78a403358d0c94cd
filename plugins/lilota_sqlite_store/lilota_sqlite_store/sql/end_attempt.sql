-- As write_attempt, and end the attempt: state, error or '' (see insert_task), attempt, lost_attempts, run_at,
-- finished_at.
UPDATE tasks
SET pid = coalesce(?, pid), started_at = coalesce(?, started_at), progress = coalesce(?, progress),
    output = CASE WHEN ? THEN ? ELSE output END, max_lost_attempts = ?, log_count = ?,
    state = ?, error = nullif(?, ''), attempt = ?, lost_attempts = ?, run_at = coalesce(?, run_at), finished_at = ?
WHERE id = ?
