-- Write what a running attempt reported; NULL leaves the stored value alone. ?4 tells whether ?5 is a new output.
UPDATE tasks
SET pid = coalesce(?1, pid), started_at = coalesce(?2, started_at), progress = coalesce(?3, progress),
    output = CASE WHEN ?4 THEN ?5 ELSE output END, max_lost_attempts = ?6, log_count = ?7
WHERE id = ?8
