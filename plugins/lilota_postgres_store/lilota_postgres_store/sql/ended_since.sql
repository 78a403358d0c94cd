-- The ids of tasks that ended at an instant or later.
SELECT ended.id
FROM unnest(%(states)s::smallint[]) AS wanted (state) CROSS JOIN LATERAL (
    SELECT task.id FROM {tasks} AS task
    WHERE task.state = wanted.state AND task.finished_at IS NOT NULL AND task.finished_at >= %(since)s::timestamptz
    ORDER BY task.finished_at LIMIT %(limit)s::bigint
) AS ended
LIMIT %(limit)s::bigint
