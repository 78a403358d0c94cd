-- Make scheduled tasks ready that have become due: the instant, how many at most.
UPDATE tasks SET state = 2
WHERE id IN (SELECT id FROM tasks WHERE state = 1 AND run_at <= ?1 ORDER BY run_at LIMIT ?2)
RETURNING lane
