-- As write_attempt, and end the attempt: state, error, attempt, lost_attempts, run_at, finished_at.
UPDATE tasks
SET pid = coalesce(?1, pid), started_at = coalesce(?2, started_at), progress = coalesce(?3, progress),
    output = CASE WHEN ?4 THEN ?5 ELSE output END, max_lost_attempts = ?6, log_count = ?7,
    state = ?9, error = ?10, attempt = ?11, lost_attempts = ?12, run_at = coalesce(?13, run_at), finished_at = ?14
WHERE id = ?8
