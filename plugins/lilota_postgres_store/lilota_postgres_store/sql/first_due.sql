-- What has become due, and no claim has made ready.
SELECT lane.queue, lane.name, task.id, task.priority, (extract(epoch FROM task.run_at) * 1000000)::bigint,
    (extract(epoch FROM task.created_at) * 1000000)::bigint
FROM (
    SELECT id, lane, priority, run_at, created_at FROM {tasks}
    WHERE state = 1 AND run_at <= statement_timestamp()
    ORDER BY run_at LIMIT %(limit)s::bigint
) AS task JOIN {lanes} AS lane ON lane.id = task.lane
