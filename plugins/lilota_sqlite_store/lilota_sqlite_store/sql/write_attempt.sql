-- Write what a running attempt reported; NULL leaves the stored value alone. The fourth parameter tells whether the
-- fifth is a new output.
UPDATE tasks
SET pid = coalesce(?, pid), started_at = coalesce(?, started_at), progress = coalesce(?, progress),
    output = CASE WHEN ? THEN ? ELSE output END, max_lost_attempts = ?, log_count = ?
WHERE id = ?
