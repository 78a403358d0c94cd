-- How long the newest tasks of each name took that succeeded, the newest first.
SELECT lane.name, took.id, took.microseconds
FROM {lanes} AS lane CROSS JOIN LATERAL (
    SELECT task.id, (extract(epoch FROM task.finished_at - task.started_at) * 1000000)::bigint AS microseconds
    FROM {tasks} AS task
    WHERE task.state = 4 AND task.lane = lane.id
    ORDER BY task.id DESC LIMIT %(limit)s::bigint
) AS took
WHERE lane.name = ANY (%(names)s::text[])
