-- The first tasks of each priority of each lane, also of the bundles, whose priority is the usual one; for BETWEEN see
-- claim.sql.
WITH RECURSIVE step AS (
    SELECT lane.id AS lane, first.priority, 1 AS n
    FROM {lanes} AS lane CROSS JOIN LATERAL (
        SELECT task.priority FROM {tasks} AS task
        WHERE task.lane = lane.id AND task.state = 2
        ORDER BY task.priority DESC, task.run_at, task.id LIMIT 1
    ) AS first
    UNION ALL
    SELECT step.lane, next.priority, step.n + 1
    FROM step CROSS JOIN LATERAL (
        SELECT task.priority FROM {tasks} AS task
        WHERE task.lane = step.lane AND task.state = 2 AND task.priority < step.priority
        ORDER BY task.priority DESC, task.run_at, task.id LIMIT 1
    ) AS next
    WHERE step.n < %(priorities)s::integer
), head AS (
    SELECT step.lane, first.*
    FROM step CROSS JOIN LATERAL (
        SELECT task.id, task.priority, task.run_at, task.created_at FROM {tasks} AS task
        WHERE task.lane = step.lane AND task.state = 2 AND task.priority = step.priority
        ORDER BY task.priority DESC, task.run_at, task.id LIMIT %(heads)s::bigint
    ) AS first
    UNION ALL
    SELECT lane.id, first.*
    FROM {lanes} AS lane CROSS JOIN LATERAL (
        SELECT bundle.first_id, 0, bundle.run_at, bundle.run_at FROM {bundles} AS bundle
        WHERE bundle.lane BETWEEN lane.id AND lane.id
        ORDER BY bundle.lane, bundle.first_id LIMIT %(heads)s::bigint
    ) AS first
)
SELECT lane.queue, lane.name, head.id, head.priority, (extract(epoch FROM head.run_at) * 1000000)::bigint,
    (extract(epoch FROM head.created_at) * 1000000)::bigint
FROM head JOIN {lanes} AS lane ON lane.id = head.lane
