-- What `claim` would grant, of what is ready by now; for BETWEEN see there.
WITH served AS (
    SELECT id, queue, name FROM {lanes}
    WHERE (name = ANY (%(names)s::text[]) OR name ^@ ANY (%(families)s::text[]))
        AND (%(queues)s::text[] IS NULL OR queue = ANY (%(queues)s::text[]))
)
SELECT head.id, served.queue, served.name
FROM served CROSS JOIN LATERAL (
    (
        SELECT task.priority, task.run_at, task.id FROM {tasks} AS task
        WHERE task.lane = served.id AND task.state = 2
        ORDER BY task.priority DESC, task.run_at, task.id LIMIT %(limit)s::bigint
    ) UNION ALL (
        SELECT 0, bundle.run_at, task.id
        FROM (
            SELECT first_id, size, run_at FROM {bundles}
            WHERE {bundles}.lane BETWEEN served.id AND served.id
            ORDER BY {bundles}.lane, first_id
        ) AS bundle
        CROSS JOIN LATERAL generate_series(bundle.first_id, bundle.first_id + bundle.size - 1) AS task (id)
        LIMIT %(limit)s::bigint
    )
) AS head
ORDER BY head.priority DESC, head.run_at, head.id LIMIT %(limit)s::bigint
