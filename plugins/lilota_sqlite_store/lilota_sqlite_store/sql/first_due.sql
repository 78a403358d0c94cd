-- What has become due, and no claim has made ready: the instant, how many.
SELECT lanes.queue, lanes.name, tasks.id, priority, run_at, created_at
FROM tasks JOIN lanes ON lanes.id = tasks.lane
WHERE state = 1 AND run_at <= ?
ORDER BY run_at LIMIT ?
