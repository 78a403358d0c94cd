-- The first tasks of a lane that have a lower priority: the lane, the priority, how many.
SELECT id, priority, run_at, created_at FROM tasks
WHERE lane = ? AND state = 2 AND priority < ?
ORDER BY priority DESC, run_at, id LIMIT ?
