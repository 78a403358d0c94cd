-- Make scheduled tasks ready that have become due: the instant, how many at most.
UPDATE tasks SET state = 2
WHERE id IN (SELECT id FROM tasks WHERE state = 1 AND run_at <= ? ORDER BY run_at LIMIT ?)
RETURNING lane
